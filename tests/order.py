"""In which order the files of tests are begun: those that take long come first.

Workers take a file each, and one that were left for the end would keep one of them busy and the
others waiting. At the very beginning nothing is compiled yet, and two workers that go through the
same kernels at a time both compile them. So the first files are two that compile most of the
kernels, one after the other, and beside them one for devices and such as need few kernels.
"""

from pathlib import Path

_HERE = Path(__file__).parent

# The first compiles kernels for the CPU, the second those for CUDA, which takes a little less; the
# third goes on with those for the CPU. What comes after them compiles for itself alone, or nothing,
# for about as long as that takes.
_FIRST = (
    "kernels/test_doctests.py",
    "kernels/test_ptx.py",
    "fuzz/test_misuse.py",
    "fuzz/test_guided.py",
    "kernels/test_cache.py",
    "analogy/images/test_tiff.py",
    "analogy/model/test_conversion.py",
    "fuzz/test_bombs.py",
    "fuzz/test_fuzz.py",
    "kernels/matching/test_nearest.py",
)

# Ten seconds of a processor and more, when everything is compiled.
_LONG = (
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
    "analogy/evaluation/test_middlebury.py",
    "analogy/method/test_algorithm.py",
    "analogy/method/test_posed_transfer.py",
    "examples/test_texture_synthesis.py",
    "benchmarks/test_many.py",
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
