"""VGG-19: features of images by ONNX Runtime, and its layers as deconvolution runs them."""
