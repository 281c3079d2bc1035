"""Where a Dockerfile leaves pip's checkouts. tests/docker builds the same files and looks into the images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.dockerfiles import ARTICLE, NOTHING, PLACED, UNCLEAR, Case
from vendorws.dockerfiles.dockerfile import Place, Unclear, find_checkouts


def _name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", PLACED, ids=_name)
def test_the_folder_is_read_off(case: Case) -> None:
    found = find_checkouts(case.text, case.args, case.target)
    assert isinstance(found, Place), found
    assert found.path == case.answer


@pytest.mark.parametrize("case", UNCLEAR, ids=_name)
def test_what_cannot_be_told_is_not_guessed(case: Case) -> None:
    found = find_checkouts(case.text, case.args, case.target)
    assert isinstance(found, Unclear), found
    assert case.answer in found.reason


@pytest.mark.parametrize("case", NOTHING, ids=_name)
def test_an_image_without_requirements_is_none_of_ours(case: Case) -> None:
    assert find_checkouts(case.text, case.args, case.target) is None


@pytest.mark.parametrize("case", PLACED, ids=_name)
def test_line_ends_do_not_matter(case: Case) -> None:
    found = find_checkouts(case.text.replace("\n", "\r\n"), case.args, case.target)
    assert found == find_checkouts(case.text, case.args, case.target)


def test_the_line_is_the_one_that_installs() -> None:
    assert find_checkouts(ARTICLE.text, {}) == Place("/site/vendor", 11)


def test_a_stage_that_is_not_there_is_named() -> None:
    assert find_checkouts(ARTICLE.text, {}, "prod") == Unclear("it has no stage 'prod'", 1)


def test_a_base_image_that_cannot_be_told_is_one_from_elsewhere() -> None:
    assert find_checkouts("FROM $base\nWORKDIR /w\nRUN pip install -r r.txt --src v\n", {}) == Place("/w/v", 3)


def test_an_empty_file_builds_nothing() -> None:
    assert find_checkouts("", {}) is None


def test_a_build_arg_that_compose_leaves_empty_counts_as_empty() -> None:
    text = "FROM python:3.11\nARG site=/a\nWORKDIR /w$site\nRUN pip install -r r.txt --src v\n"
    assert find_checkouts(text, {"site": ""}) == Place("/w/v", 4)


@given(st.text(alphabet="FROMRUNpip install-r$#{}()\"'\\`<>=&|;:\n/ \t\0ab"))
def test_no_text_makes_it_stumble(text: str) -> None:
    find_checkouts("FROM x\nWORKDIR /w\nRUN " + text, {})
    find_checkouts(text, {})
