import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import AccessDenied
from satellite.intake.tokens import Tokens, is_project_name


@pytest.mark.parametrize("token", ["developer", "a", "a.b_c-D9", "x" * 64, "token-000000000000", "..."])
def test_open_a_token_that_can_be_a_name_is_the_project(token: str) -> None:
    assert Tokens.open().project(token) == token


@pytest.mark.parametrize(
    "token",
    [
        "x" * 65,
        "base64/like+token==",
        "zwei worte",
        "ümlaut",
        "a\n",
        ".",
        "..",
        "-",
        "\ud800",
        "0123456789abcdef" * 2,
        "aB3" * 15,
    ],
)
def test_open_any_other_token_becomes_a_hash(token: str) -> None:
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    assert Tokens.open().project(token) == f"token-{digest[:12]}"


@pytest.mark.parametrize("token", ["", "empty"])
def test_open_no_token_means_default(token: str) -> None:
    assert Tokens.open().project(token) == "default"


@given(st.text())
def test_open_always_gives_a_project_name(token: str) -> None:
    assert is_project_name(Tokens.open().project(token))


def test_listed_knows_its_tokens_only() -> None:
    tokens = Tokens.listed({"s3cret/1": "shop", "s3cret/2": "shop", "other": "bank"})
    assert [tokens.project(token) for token in ("s3cret/1", "s3cret/2", "other")] == ["shop", "shop", "bank"]
    assert tokens.projects() == ("bank", "shop")
    assert tokens.mode == "listed"


@pytest.mark.parametrize("token", ["s3cret/3", "shop", "", "empty"])
def test_listed_refuses_others_without_saying_the_token(token: str) -> None:
    tokens = Tokens.listed({"s3cret/1": "shop"})
    with pytest.raises(AccessDenied) as caught:
        tokens.project(token)
    text = str(caught.value)
    assert "access_tokens" in text
    assert "%" not in text  # Go's tracer takes it for a format
    for secret in {token, "s3cret"} - {"", "empty", "shop"}:
        assert secret not in text + str(caught.value.as_json())
    assert ("no access token" in text) == (token in {"", "empty"})


def test_single_looks_at_no_token() -> None:
    tokens = Tokens.single("lonely")
    assert {tokens.project(token) for token in ("", "empty", "x", "any/thing")} == {"lonely"}
    assert tokens.projects() == ("lonely",)


@pytest.mark.parametrize("name", ["", ".", "..", "-", "a/b", "a b", "x" * 65])
def test_a_project_needs_a_name_that_can_stand_in_a_url(name: str) -> None:
    with pytest.raises(ValueError, match="project's name"):
        Tokens.single(name)
    with pytest.raises(ValueError, match="project's name"):
        Tokens.listed({"token": name})


def test_settings_choose_the_mode() -> None:
    def mode(projects: dict[str, str], *, off: bool) -> str:
        return Tokens.configured(projects, disable_access_token_checking=off, project_name="p").mode

    assert mode({}, off=False) == "open"
    assert mode({"t": "p"}, off=False) == "listed"
    assert mode({"t": "p"}, off=True) == "single"


def test_repr_holds_no_token() -> None:
    assert "s3cret" not in repr(Tokens.listed({"s3cret": "shop"})) + repr(
        vars(Tokens.listed({"s3cret": "shop"}))
    )
