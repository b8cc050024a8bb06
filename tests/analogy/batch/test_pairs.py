import dataclasses

import pytest

from analogy.batch.pairs import read_jobs
from analogy.errors import AnalogyError
from analogy.parameters import PRESETS, Parameters
from analogy.request import Extras
from tests.analogy.batch.pictures import tabulate


def refusal(folder, *rows):
    with pytest.raises(AnalogyError) as caught:
        read_jobs(tabulate(folder, *rows), folder / "out")
    assert "\n" not in str(caught.value)
    assert "pairs.csv" in str(caught.value)
    return str(caught.value)


def test_a_row_is_what_run_would_do(tmp_path):
    path = tabulate(
        tmp_path,
        "a,b,name,preset,ratio,mask-a,mask_b,viz,refine,weight,device,model,first-scale,"
        "evenness,set,points",
        "a.png,sub/b.png,one,photo2photo,0.5,m.png,n.png,yes,no,1,cpu,w.onnx,96,0.2,"
        "vote_side=5 seed=7,p.csv",
        "",
        ",,,,,,,,,,,,,,",
        '"c, d.png",b.png,,,0.75',
    )
    first, second = read_jobs(path, tmp_path / "out")

    assert first.name == "one"
    assert first.folder == tmp_path / "out" / "one"
    assert first.inputs.a == tmp_path / "a.png"
    assert first.inputs.b_primes == [tmp_path / "sub/b.png"]
    guides = {"mask_a": tmp_path / "m.png", "mask_b": tmp_path / "n.png"}
    assert first.inputs.guides == guides | {"points": tmp_path / "p.csv"}
    assert first.parameters.ratio == 0.5
    assert first.parameters.alphas == (0.7, 0.6, 0.5, 0.0)
    assert first.parameters.refine is False
    assert first.parameters.first_scale == 96
    assert first.parameters.evenness == (0.2,) * 5
    assert (first.parameters.vote_side, first.parameters.seed) == (5, 7)
    assert first.parameters.wls_lambda == PRESETS["photo2photo"].wls_lambda
    assert (first.device, first.model) == ("cpu", tmp_path / "w.onnx")
    assert first.extras.viz
    assert first.extras.command.startswith(f"analogy run {tmp_path}/a.png {tmp_path}/sub/b.png")
    assert " --no-refine" in first.extras.command

    assert second.name == "c, d__b"
    assert second.folder == tmp_path / "out" / "c, d__b"
    assert second.parameters == dataclasses.replace(Parameters(), ratio=0.75)
    assert (second.device, second.model) == ("auto", None)
    assert second.extras == Extras(command=second.extras.command)


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes("\ufeffa,b\r\nä.png,b.png\r\n".encode())
    assert [job.name for job in read_jobs(path, tmp_path)] == ["ä__b"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], ["no column a", "line 1"]),
        (["a,b"], ["holds no pairs"]),
        (["a,c", "x,y"], ["line 1", "column 'c'"]),
        (["a|b", "x|y"], ["line 1", "column 'a|b'", "commas"]),
        (["a;b", "x;y;z"], ["line 2", "3 cells for 2 columns"]),
        (["a,b,out", "x,y,z"], ["line 1", "column 'out'"]),
        (["a,b,quiet", "x,y,1"], ["line 1", "column 'quiet'"]),
        (["a,b,mask-a,mask_a", "x,y"], ["line 1", "column 'mask_a'", "twice"]),
        (["a,b,", "x,y"], ["line 1", "column 3", "no name"]),
        (["a,ratio", "x,1"], ["line 1", "no column b"]),
        (["a,b", "", ",y.png"], ["line 3", "column a", "empty"]),
        (["a,b", "x.png, "], ["line 2", "column b", "empty"]),
        (["a,b", "x.png"], ["line 2", "column b", "empty"]),
        (["a,b", "x.png,y.png,z.png"], ["line 2", "3 cells for 2 columns"]),
        (["a,b", "x,y\0"], ["line 2", "column b"]),
        (["a,b", 'x,"y"z'], ["line 2", "no CSV"]),
        (["a,b", '"x,y'], ["line 2", "no CSV"]),
        (["a,b,ratio", "x,y,1", '"v\n",y,1', "z,y,2"], ["line 5", "column ratio", "at most 1"]),
        (["a,b,max-side", "x,y,31"], ["line 2", "column max-side"]),
        (["a,b,weight", "x,y,4"], ["line 2", "column weight"]),
        (["a,b,ratio", "x,y,auto"], ["line 2", "column ratio"]),
        (["a,b,first_scale", "x,y,31"], ["line 2", "column first_scale"]),
        (["a,b,evenness", "x,y,nan"], ["line 2", "column evenness"]),
        (["a,b,viz", "x,y,perhaps"], ["line 2", "column viz"]),
        (["a,b,wls_lambda", "x,y,-1"], ["line 2", "column wls_lambda"]),
        (["a,b,category,weight", "x,y,I,3"], ["line 2", "--category and --weight"]),
        (["a,b,name", "x,y,p/q"], ["line 2", "column name"]),
        (["a,b,name", "x,y,.."], ["line 2", "column name"]),
        (["a,b,name", "x,y,Summary.json"], ["line 2", "column name"]),
        (["a,b", "x.png,y.png", "z.png,y.png", "X.jpg,y.jpg"], ["line 4", "line 2"]),
        (["a,b,seed", "x.png,y.png,1", "x.png,y.png,2"], ["line 3", "line 2"]),
    ],
)
def test_a_row_that_cannot_be_run_is_named(tmp_path, rows, words):
    message = refusal(tmp_path, *rows)
    for word in words:
        assert word in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"a,b\n\xff\xfe,y\n", "UTF-8 or UTF-16"),
        ("a,b".encode("utf-16") + b"x", "UTF-16"),
        (b"a,b\n" + b"x" * 200_000 + b",y\n", "line 2: no CSV"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, word):
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    with pytest.raises(AnalogyError, match=word):
        read_jobs(path, tmp_path)


def test_an_absent_table_is_named(tmp_path):
    with pytest.raises(AnalogyError, match=r"absent\.csv: No such file"):
        read_jobs(tmp_path / "absent.csv", tmp_path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_tables_are_read_as_spreadsheets_save_them(tmp_path, separator, encoding):
    rows = ["A,B,Max-Side,Name", "ä.png,b.png,40,one", '"c.png",b.png,,']
    text = "\r\n".join(rows).replace(",", separator)
    # Without the mark at its start nothing tells which UTF-16 it is.
    mark = "\ufeff" if encoding[-3:] in ("-le", "-be") else ""
    path = tmp_path / "pairs.csv"
    path.write_bytes((mark + text).encode(encoding))

    first, second = read_jobs(path, tmp_path)

    assert (first.name, first.inputs.a, first.parameters.max_side) == (
        "one",
        tmp_path / "ä.png",
        40,
    )
    assert (second.name, second.parameters.max_side) == ("c__b", Parameters().max_side)


def test_what_holds_a_separator_is_quoted(tmp_path):
    path = tabulate(tmp_path, "a;b", '"x;1.png";"y, 2.png"')
    (job,) = read_jobs(path, tmp_path)
    assert [file.name for file in (job.inputs.a, *job.inputs.b_primes)] == ["x;1.png", "y, 2.png"]


def test_a_pair_that_is_there_twice_is_done_once(tmp_path):
    path = tabulate(tmp_path, "a,b,seed", "x.png,y.png,1", "z.png,y.png,", "x.png, y.png,1")
    assert [job.name for job in read_jobs(path, tmp_path)] == ["x__y", "z__y"]


def test_the_home_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tabulate(tmp_path, "a,b,mask-a,mask-b", "~/x.png,~nobody_of_that_name.png,~/m.png,n.png")
    (job,) = read_jobs(path, tmp_path)
    assert job.inputs.a == tmp_path / "home" / "x.png"
    assert job.inputs.b_primes == [tmp_path / "~nobody_of_that_name.png"]
    assert job.inputs.guides == {
        "mask_a": tmp_path / "home" / "m.png",
        "mask_b": tmp_path / "n.png",
    }


def test_names_of_files_make_names_of_folders(tmp_path):
    rows = [
        "Screenshot at 4.42.48\u202fPM.png,b.png",
        ".x.png,y.png",
        f"{'é' * 120}.png,{'b' * 99}.png",
    ]
    jobs = read_jobs(tabulate(tmp_path, "a,b", *rows), tmp_path)

    assert [job.name for job in jobs[:2]] == ["Screenshot at 4.42.48_PM__b", "x__y"]
    assert len(jobs[2].name.encode()) <= 200
    assert jobs[2].name.startswith("é" * 90)


def images(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_a_folder_holds_pairs(tmp_path):
    folder = images(tmp_path / "pairs", "two_B.jpg", "one_a.png", "one_b.PNG", "two_A.png", "x.txt")
    jobs = read_jobs(folder, tmp_path / "out")

    assert [job.name for job in jobs] == ["one", "two"]
    assert jobs[1].inputs.a == folder / "two_A.png"
    assert jobs[1].inputs.b_primes == [folder / "two_B.jpg"]
    assert jobs[1].folder == tmp_path / "out" / "two"


def test_images_of_a_folder_take_one_look(tmp_path):
    folder = images(tmp_path / "photos", "one.png", "look.png", "two.jpg", ".x.png", "notes.txt")
    jobs = read_jobs(folder, tmp_path / "out", folder / "look.png")

    assert [job.name for job in jobs] == ["one__look", "two__look"]
    assert {job.inputs.b_primes[0] for job in jobs} == {folder / "look.png"}


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["one_A.png"], "has no image one_B"),
        (["notes.txt"], "holds no images"),
        (["one.png", "one_B.png"], "holds no pairs; let their names end"),
    ],
)
def test_a_folder_without_pairs_is_refused(tmp_path, names, word):
    with pytest.raises(AnalogyError, match=word):
        read_jobs(images(tmp_path / "pairs", *names), tmp_path)


def test_a_look_goes_with_a_folder(tmp_path):
    with pytest.raises(AnalogyError, match=r"pairs\.csv: is no folder; look\.png goes"):
        read_jobs(tabulate(tmp_path, "a,b", "x,y"), tmp_path, "look.png")
