"""Where a proxy and its scripts find each other."""

from ibmux import places


def test_the_users_own_folder_comes_first_and_is_made(tmp_path):
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    path = places.socket_to_open(environ)
    assert path == f"{tmp_path}/ibmux/mqtt.sock" == places.sockets(environ)[0]
    assert (tmp_path / "ibmux").stat().st_mode & 0o777 == 0o700
    assert places.socket_to_open(environ) == path


def test_without_a_folder_there_is_no_socket(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "sockets", lambda _: [f"{tmp_path}/none/at/all/mqtt.sock"])
    assert places.socket_to_open({}) == ""
