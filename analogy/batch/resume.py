"""What tells a job that is done from one that is not: contents, never names or dates alone."""

from __future__ import annotations

from dataclasses import asdict

from analogy.method.record import program_version
from analogy.system.digests import as_written, digest, digest_if_any, read_record_of
from analogy.system.outputs import staged, write_json

RECORD = "job.json"


def identify(job, session):
    """What a job's results depend on, in what JSON can hold.

    Parameters
    ----------
    job : Request
    session : Session
        Session by which it is to be done.

    Returns
    -------
    dict
        Digests of the input files and the model, the parameters, the device asked for, what is
        written beside the results, and the program's version.

    Raises
    ------
    AnalogyError
        If the model cannot be used.
    OSError
        If an input cannot be read.
    """
    inputs = job.inputs
    files = {"a": inputs.a, "b_prime": inputs.b_primes[0]} | inputs.guides
    identity = {
        "inputs": {name: digest(path) for name, path in files.items()},
        "model": session.network.sha256,
        "parameters": asdict(job.parameters),
        "device": job.device,
        "viz": job.extras.viz,
        "report": job.extras.report,
        "program": program_version(),
    }
    return as_written(identity)


def is_finished(folder, identity):
    """Whether a folder holds the whole and unchanged results of a job.

    Parameters
    ----------
    folder : pathlib.Path
    identity : dict
        From :func:`identify`.
    """
    record = read_record_of(folder / RECORD)
    if record.get("job") != identity:
        return False
    results = record.get("results")
    if not isinstance(results, dict) or not results:
        return False
    return all(digest_if_any(folder / name) == wanted for name, wanted in results.items())


def record_finished(folder, identity, outputs):
    """Write what was done, once the results are there: a folder without it is not finished.

    Parameters
    ----------
    folder : pathlib.Path
    identity : dict
    outputs : dict, name -> pathlib.Path
        Files and folders that the job wrote.

    Raises
    ------
    AnalogyError
        If it cannot be written.
    """
    files = [
        file
        for path in outputs.values()
        for file in (path.rglob("*") if path.is_dir() else [path])
        if file.is_file()
    ]
    results = {file.relative_to(folder).as_posix(): digest(file) for file in sorted(files)}
    with staged(folder) as staging:
        write_json(staging / RECORD, {"job": identity, "results": results})
