"""In which order the files of tests are begun: those that take long come first.

Workers take a file each, and one that were left for the end would keep one of them busy and the
others waiting. At the very beginning nothing is compiled yet, so the first files of two workers are
one that compiles most of the kernels and one that needs none of them: otherwise both would compile
the same.
"""

from pathlib import Path

_HERE = Path(__file__).parent

# Compiles the kernels for the CPU, and those for CUDA.
_FIRST = ("kernels/test_doctests.py", "kernels/test_ptx.py")

# Ten seconds of a processor and more, when everything is compiled; the first compiles what is left.
_LONG = (
    "fuzz/test_misuse.py",
    "analogy/service/test_browser.py",
    "analogy/service/test_app.py",
    "test_end_to_end.py",
    "analogy/batch/test_cluster.py",
    "analogy/cli/test_video.py",
    "analogy/method/test_pose_choice.py",
    "analogy/method/test_warm_up.py",
    "analogy/method/test_transfer.py",
    "analogy/service/test_worker.py",
    "analogy/cli/test_main.py",
    "kernels/test_cache.py",
    "analogy/evaluation/test_middlebury.py",
    "analogy/method/test_algorithm.py",
    "kernels/matching/test_nearest.py",
    "analogy/method/test_posed_transfer.py",
    "examples/test_texture_synthesis.py",
    "benchmarks/test_many.py",
    "analogy/images/test_tiff.py",
    "analogy/model/test_conversion.py",
    "kernels/matching/test_patchmatch.py",
    "benchmarks/test_patchmatch.py",
    "analogy/evaluation/test_keypoints.py",
    "kernels/imaging/test_vote.py",
    "benchmarks/test_convolution.py",
    "test_presets.py",
    "docs/test_tutorial.py",
    "analogy/service/test_server.py",
    "analogy/report/test_browser.py",
    "analogy/evaluation/test_posed_keypoints.py",
    "analogy/cli/test_batch.py",
    "analogy/evaluation/test_pictures.py",
)


def place(path):
    """Number of a file of tests in the order, of those that are quick the same for all."""
    name = path.relative_to(_HERE).as_posix()
    return _PLACES.get(name, len(_PLACES))


_PLACES = {name: number for number, name in enumerate((*_FIRST, *_LONG))}
