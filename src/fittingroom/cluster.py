"""A Ray cluster as the place where pure work on batches is done.

The road is the same as in one process: sources are read and tables put together here, while cleaning, redaction, match
keys and sketches, which take most of the time, are done wherever the cluster has a processor free. Results come back in
the order of the batches, so that nothing depends on who was quicker. A task whose worker dies is done again elsewhere:
it is a pure function, so that changes nothing.

Nothing phones home: usage statistics are switched off before `ray` is imported. A batch on its way to a worker is not
redacted yet; it travels in memory. In a cluster that is started here, spilling objects to disk is switched off; whoever
runs a cluster of their own does the same there (docs/decisions/0009).
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fittingroom.errors import UserError
from fittingroom.version import __version__

_RETRIES = 5
_PATIENCE = 10
"""Seconds to wait for an answer from the address of a cluster."""
_WAITING = 2
"""Batches on their way per processor: one in work, one ready to follow."""
_START = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_RECORD_ACTOR_TASK_LOGGING": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


_HERE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Makes Ray listen on loopback only, as it does by itself on Windows and macOS; `ray.init` turns 127.0.0.1 into the
address of the machine."""


class Cluster:
    """Connected on first use. `address` as `ray.init` takes it; empty for a cluster of this machine alone."""

    def __init__(self, address: str, threads: int) -> None:
        self._address, self._threads = address, threads
        self._call: Any = None

    def __call__(self, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """`function(*one)` for each of `arguments`, in their order, a bounded number of them at a time.

        Raises what `function` raises, and UserError when the cluster cannot be reached or has lost its workers.
        """
        call = self._connected()
        return self._results(call, function, arguments)

    def _results(self, call: Any, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        import ray

        running: deque[Any] = deque()
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
        room = max(2, _WAITING * int(resources.get("CPU", 1)))
        for one in arguments:
            if len(running) >= room:
                yield _result(running.popleft())
            running.append(call.remote(function, one))
        while running:
            yield _result(running.popleft())

    def _connected(self) -> Any:
        if self._call is not None:
            return self._call
        wanted = _START if self._address else _START | _HERE
        os.environ.update({name: value for name, value in wanted.items() if name not in os.environ})
        try:
            import ray
        except ImportError:
            raise UserError(
                "work on a cluster needs Ray: pip install 'fittingroom[ray]'",
                "在集群上工作需要 Ray：pip install 'fittingroom[ray]'",
                place="engine.kind",
            ) from None
        if not ray.is_initialized():
            self._start()
        self._call = ray.remote(max_retries=_RETRIES)(_called)
        self._compare_versions()
        return self._call

    def _start(self) -> None:
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
        try:
            if self._address:
                _knock(self._address)
                ray.init(address=self._address, **quiet)
                return
            ray.init(
                address="local",  # else a cluster that somebody else runs on this machine is joined
                num_cpus=self._threads,
                include_dashboard=False,
                _system_config={"automatic_object_spilling_enabled": False},
                **quiet,
            )
            _demand_loopback()
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"the Ray cluster cannot be reached ({type(error).__name__}): is it running, and is the address right?",
                f"无法连接 Ray 集群（{type(error).__name__}）：集群是否在运行？地址是否正确？",
                place="engine.address",
            ) from None

    def _compare_versions(self) -> None:
        """Every node must have this very version: another one might clean or redact otherwise."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        for node in ray.nodes():  # type: ignore[no-untyped-call]
            if not node["Alive"] or not node["Resources"].get("CPU"):
                continue
            there = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
            found = _result(self._call.options(scheduling_strategy=there).remote(_version, ()))
            if found != __version__:
                raise UserError(
                    f"the node {node['NodeManagerHostname']} has fittingroom {found}, this machine {__version__}: "
                    "install the same version on all nodes",
                    f"节点 {node['NodeManagerHostname']} 上的 fittingroom 是 {found}，本机是 {__version__}："
                    "请在所有节点安装同一版本",
                    place="engine.address",
                )


def _demand_loopback() -> None:
    """A cluster that is started here must not be reachable from elsewhere. UserError when it would be: `ray` was
    imported before, with other settings.
    """
    import ray

    if not ray.get_runtime_context().gcs_address.startswith("127."):
        ray.shutdown()
        wanted = " ".join(f"{name}={value}" for name, value in _HERE.items())
        raise UserError(
            f"Ray would listen on the network: set {wanted} first, or give the address of a cluster of your own",
            f"Ray 会监听外部网络：请先设置 {wanted}，或填写自己集群的地址",
            place="engine.address",
        )


def _knock(address: str) -> None:
    """Ray itself tries for minutes to reach a machine that is not there. OSError when nobody listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def _version() -> str:
    return __version__


def _result(reference: Any) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ModuleNotFoundError):
            raise UserError(
                "a node of the Ray cluster does not have fittingroom installed: install the same version on all nodes",
                "Ray 集群中有节点未安装 fittingroom：请在所有节点安装同一版本",
                place="engine.address",
            ) from None
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise UserError(
            f"the Ray cluster lost the work on a batch {_RETRIES + 1} times ({type(error).__name__}); look after its "
            "nodes, then `resume` the run: what is done stays done",
            f"Ray 集群 {_RETRIES + 1} 次丢失同一批数据的处理（{type(error).__name__}）；请检查节点后执行 `resume`："
            "已完成的部分不会丢失",
            place="engine.address",
        ) from None
