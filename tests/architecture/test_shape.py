"""Modules and functions stay small enough to be read in one go."""

import ast
import statistics

import pytest

from tests.architecture.sources import REPO, functions, length, lines, modules, name_of

LONGEST_MODULE = 300
LONGEST_TEST_MODULE = 400  # a suite tells one story and may take its time
MEDIAN_MODULE = 100
LONGEST_FUNCTION = 60
NINE_OF_TEN_FUNCTIONS = 25
ENOUGH_TO_JUDGE = 20


def test_no_module_is_longer_than_a_reader_s_patience() -> None:
    too_long = {name_of(file): lines(file) for file in modules() if lines(file) > LONGEST_MODULE}

    assert not too_long


def test_no_test_module_is_longer_either() -> None:
    files = [file for file in modules("tests") if lines(file) > LONGEST_TEST_MODULE]

    assert not [name_of(file) for file in files]


def test_most_modules_are_short() -> None:
    sizes = [lines(file) for file in modules() if lines(file) > 1]

    assert statistics.median(sizes) < MEDIAN_MODULE


def test_no_function_needs_scrolling() -> None:
    too_long = [
        f"{name_of(file)}:{function.lineno} {function.name} has {length(function)} lines"
        for file in modules()
        for function in functions(file)
        if length(function) > LONGEST_FUNCTION
    ]

    assert not too_long


def test_nine_of_ten_functions_are_short() -> None:
    sizes = [length(function) for file in modules() for function in functions(file)]
    if len(sizes) < ENOUGH_TO_JUDGE:
        pytest.skip("too few functions to judge")

    assert statistics.quantiles(sizes, n=10)[-1] <= NINE_OF_TEN_FUNCTIONS


def test_every_function_says_what_it_takes_and_gives() -> None:
    bare = [
        f"{name_of(file)}:{function.lineno} {function.name}"
        for file in modules()
        for function in functions(file)
        if not _is_annotated(function)
    ]

    assert not bare


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(file)
        for file in modules()
        if file.read_text().strip() and ast.get_docstring(ast.parse(file.read_text())) is None
    ]

    assert not silent


def test_no_file_names_the_machine_it_was_written_on() -> None:
    machine = ("/" + "work/", "/" + "root/")
    guilty = [
        name_of(file)
        for file in modules("clients", "deploy", "services", "shared", "tests")
        if any(folder in file.read_text() for folder in machine)
    ]

    assert (REPO / "pyproject.toml").exists()
    assert not guilty


def _is_annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    taken = [
        *function.args.posonlyargs,
        *function.args.args,
        *function.args.kwonlyargs,
        *filter(None, (function.args.vararg, function.args.kwarg)),
    ]
    own = {"self", "cls"}
    returns = function.returns is not None or function.name == "__init__"
    return returns and all(each.annotation or each.arg in own for each in taken)
