from pathlib import Path

from tests import order

HERE = Path(__file__).parent


def test_the_files_that_begin_are_there():
    assert [name for name in order._PLACES if not (HERE / name).is_file()] == []


def test_what_is_not_named_comes_last():
    places = [order.place(path) for path in HERE.rglob("test_*.py")]

    assert sorted(set(places)) == list(range(len(order._PLACES) + 1))
    assert order.place(HERE / order._FIRST[0]) == 0


def test_tests_are_begun_in_this_order(request):
    places = [order.place(item.path) for item in request.session.items]

    assert places == sorted(places)
