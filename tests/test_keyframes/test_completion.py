"""Completion in the shell: scripts for each of them, and what they ask the command."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SCRIPTS, slow_but_for


@pytest.mark.parametrize("command", ["keyframes", "quantize"])
@pytest.mark.parametrize("shell", slow_but_for(["bash"], ["bash", "zsh", "fish"]))
def test_there_is_a_script_for_each_shell(run_installed, command, shell):
    done = run_installed(command, env={f"_{command.upper()}_COMPLETE": f"source_{shell}"})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_{command.upper()}_COMPLETE=complete_{shell}" in done.stdout
    start = {"bash": "complete -o", "zsh": f"#compdef {command}", "fish": "complete --"}
    assert start[shell] in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_what_bash_installs_completes(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}

    def in_bash(program):
        return subprocess.run(
            ["bash", "--norc", "-c", program],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    # With a command after it, so that bash stays and is the parent that is asked for its name.
    assert "bash completion installed" in in_bash("keyframes --install-completion; true")
    asked = "COMP_WORDS=(keyframes ex); COMP_CWORD=1; _keyframes_completion keyframes"
    offered = in_bash(f'source ~/.bashrc; {asked}; echo "${{COMPREPLY[@]}}"')
    assert set(offered.split()) == {"export", "extract"}
