import pytest

from analogy.service.jobs import CANCELLED, Jobs, QueueFullError
from analogy.service.worker import Worker


@pytest.fixture
def jobs(tmp_path):
    return Jobs(tmp_path, Worker(), queue_length=2, keep=2)


def waiting_job(jobs):
    job = jobs.admit()
    jobs.enqueue(job, request=None)
    return job


def test_places_are_taken_from_when_files_begin_to_arrive(jobs):
    arriving = jobs.admit()
    waiting_job(jobs)
    with pytest.raises(QueueFullError, match="2 jobs are waiting already"):
        jobs.admit()

    jobs.discard(arriving)
    jobs.admit()


def test_job_is_unknown_until_it_has_arrived_and_its_files_go_with_it(jobs, tmp_path):
    job = jobs.admit()
    assert job.inputs.is_dir()
    assert jobs.find(job.id) is None

    jobs.enqueue(job, request=None)
    assert jobs.find(job.id) is job

    jobs.discard(job)
    assert jobs.find(job.id) is None
    assert list(tmp_path.iterdir()) == []


def test_jobs_wait_in_the_order_in_which_they_had_arrived(jobs):
    slow = jobs.admit()
    quick = waiting_job(jobs)
    jobs.enqueue(slow, request=None)

    assert [jobs.ahead(quick), jobs.ahead(slow)] == [0, 1]
    jobs.cancel(quick)
    assert jobs.ahead(slow) == 0


def test_cancelled_job_keeps_no_files_and_gives_up_its_place(jobs, tmp_path):
    job, _ = waiting_job(jobs), waiting_job(jobs)
    jobs.cancel(job)
    jobs.cancel(job)

    assert job.state == CANCELLED
    assert not job.folder.exists()
    waiting_job(jobs)


def test_those_that_were_over_first_are_forgotten_first(jobs):
    first, second = waiting_job(jobs), waiting_job(jobs)
    jobs.cancel(second)
    third = waiting_job(jobs)
    jobs.cancel(first)
    jobs.cancel(third)

    assert [jobs.find(job.id) for job in (first, second, third)] == [first, None, third]
