#!/usr/bin/env python3
"""Time and processor time from a process's start to its first answer of 200 at /ready: medians.

usage: measure.py ROUNDS NAME=COMMAND... [--data FOLDER]

COMMAND is run by itself with PORT and DATA_DIR set: a fresh folder per round, or a copy of FOLDER with --data.
Rounds of all commands are taken in turn, so that a busy machine is busy for all of them.
"""
import os, shlex, shutil, socket, statistics, subprocess, sys, tempfile, time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_ready(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
            return connection.recv(1024).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def cpu_seconds(process_id):
    with open(f"/proc/{process_id}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command, data):
    port = free_port()
    folder = tempfile.mkdtemp(prefix="startup-")
    if data:
        shutil.copytree(data, folder, dirs_exist_ok=True)
    environment = {**os.environ, "PORT": str(port), "DATA_DIR": folder}
    start = time.monotonic()
    process = subprocess.Popen(shlex.split(command), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if process.poll() is not None:
                raise SystemExit(f"{command} ended with {process.returncode}")
            time.sleep(0.001)
        return time.monotonic() - start, cpu_seconds(process.pid)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def main():
    arguments = sys.argv[1:]
    data = None
    if "--data" in arguments:
        at = arguments.index("--data")
        data = arguments[at + 1]
        del arguments[at:at + 2]
    rounds, commands = int(arguments[0]), [argument.split("=", 1) for argument in arguments[1:]]
    figures = {name: [] for name, _ in commands}
    for _ in range(rounds):
        for name, command in commands:
            figures[name].append(run(command, data))
    for name, taken in figures.items():
        wall, cpu = zip(*taken)
        print(f"{name}: {statistics.median(wall) * 1000:.0f} ms, least {min(wall) * 1000:.0f}; processor {statistics.median(cpu) * 1000:.0f} ms, least {min(cpu) * 1000:.0f}")


main()
