"""MicroPython's own serial tool, unchanged, on a board's console, virtual or real."""

import functools
import hashlib
import http.server
import json
import threading

import pytest

pytestmark = [pytest.mark.hil, pytest.mark.needs("console")]


@pytest.fixture
def mpremote(console, tmp_path):
    """Run mpremote on the board; what it printed."""

    def run(*words, code=0):
        done = console.mpremote(*words, cwd=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def package(tmp_path):
    """A package for `mip` in a folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "greeter.py").write_text('def greet():\n    return "hello from a package"\n')
    urls = [["greeter/__init__.py", "greeter.py"]]
    (folder / "package.json").write_text(json.dumps({"urls": urls, "version": "1.0"}))
    return folder


@pytest.fixture
def index(package):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            return

    handler = functools.partial(Quiet, directory=package)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_exec_and_eval_run_on_the_board(mpremote):
    assert mpremote("exec", "import sys; print(sys.implementation.name)").split() == [
        "micropython"
    ]
    assert mpremote("eval", "6 * 7").strip() == "42"


def test_an_error_on_the_board_is_mpremote_s_exit_code(mpremote):
    mpremote("exec", "1 / 0", code=1)


def test_a_file_goes_to_the_board_and_comes_back_unchanged(mpremote, tmp_path):
    data = bytes(range(256)) * 31 + b"\n\r\n\x18\x04\x01"
    (tmp_path / "out.bin").write_bytes(data)
    mpremote("fs", "cp", "out.bin", ":data.bin")
    assert hashlib.sha256(data).hexdigest() in mpremote("fs", "sha256sum", ":data.bin")
    mpremote("fs", "cp", ":data.bin", "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == data
    assert "data.bin" in mpremote("fs", "ls")
    mpremote("fs", "rm", ":data.bin")
    assert "data.bin" not in mpremote("fs", "ls")


@pytest.mark.needs("power")
def test_files_live_through_a_power_cut_and_variables_do_not(mpremote, console, tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    mpremote("fs", "cp", "kept.txt", ":")
    mpremote("exec", "gone = 1")
    assert mpremote("resume", "eval", "gone").strip() == "1"
    console.power_cut()
    assert "kept" in mpremote("fs", "cat", ":kept.txt")
    assert mpremote("resume", "eval", "'gone' in globals()").strip() == "False"


def test_soft_reset_runs_boot_and_not_main(mpremote, tmp_path):
    for name in ("boot", "main"):
        (tmp_path / f"{name}.py").write_text(f"print('this is {name}')\n{name}_ran = True\n")
        mpremote("fs", "cp", f"{name}.py", ":")
    mpremote("soft-reset")
    seen = "*('boot_ran' in globals(), 'main_ran' in globals())"
    assert mpremote("resume", "eval", seen).strip() == "True False"


@pytest.mark.needs("reset_cause")
def test_a_board_says_that_it_was_reset_softly(mpremote):
    mpremote("soft-reset")
    causes = "import machine; print(machine.reset_cause() == machine.SOFT_RESET)"
    assert mpremote("resume", "exec", causes).strip() == "True"


def test_a_main_that_never_ends_is_interrupted(mpremote, console, tmp_path):
    (tmp_path / "main.py").write_text("import time\nwhile True:\n    time.sleep(1)\n")
    mpremote("fs", "cp", "main.py", ":")
    console.reset()
    assert mpremote("eval", "1 + 1").strip() == "2"


def test_a_script_runs_and_a_mounted_folder_is_read_and_written(mpremote, tmp_path):
    (tmp_path / "script.py").write_text("print('script', 2 + 2)\n")
    assert mpremote("run", "script.py").strip() == "script 4"
    here = tmp_path / "here"
    here.mkdir()
    # A name of ten letters and a text of ten bytes: their length is the byte \n.
    (here / "ten_letter.py").write_text("VALUE = 10\n")
    (here / "abcdef.txt").write_text("0123456789")
    code = (
        "import ten_letter; print(ten_letter.VALUE, open('abcdef.txt').read());"
        "f = open('result.txt', 'w'); f.write('a\\nb\\n123456'); f.close()"
    )
    assert "10 0123456789" in mpremote("mount", here, "exec", code)
    assert (here / "result.txt").read_text() == "a\nb\n123456"


def test_mip_installs_from_a_folder_and_from_an_index(mpremote, package, index):
    greeting = "import greeter; print(greeter.greet())"
    mpremote("mip", "install", package / "package.json")
    assert mpremote("exec", greeting).strip() == "hello from a package"
    mpremote("fs", "rm", "-r", ":lib/greeter")
    gone = f"try:\n {greeting}\nexcept ImportError:\n print('gone')"
    assert mpremote("exec", gone).strip() == "gone"
    mpremote("mip", "install", f"{index}/package.json")
    assert mpremote("exec", greeting).strip() == "hello from a package"


@pytest.mark.needs("small_heap")
def test_the_heap_is_as_small_as_a_board_s(mpremote):
    assert 200_000 < int(mpremote("eval", "__import__('gc').mem_free()")) < 262_144
    code = "try:\n bytearray(300_000)\nexcept MemoryError:\n print('no room')"
    assert mpremote("exec", code).strip() == "no room"


def test_commands_are_chained_in_one_connection(mpremote):
    assert mpremote("exec", "a = 20", "+", "exec", "print(a + 1)").strip() == "21"
