"""Modules whose code waits until something of them is used, and stand-ins for their names until then."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import MappingProxyType, ModuleType, TracebackType
from typing import Literal, NamedTuple, Self

_WAITING, _AFTER = "__waiting__", "__after__"


class Rule(NamedTuple):
    """How a module is imported, and what may be asked of it before its code has run.

    Args:
        waits: `never`; `alone`: its submodules are imported without its own code, of which they need nothing; or
            `whole`: its submodules wait too, and any name may be imported from it in the block of `Deferring`.
        homes: Names that it takes from its submodules, with the submodule: importing that is enough. An empty one says
            that the name is a submodule itself.
        made: What is given out in place of some names as long as it waits.
        around: What its code runs in.
    """

    waits: Literal["never", "alone", "whole"] = "alone"
    homes: Mapping[str, str] = MappingProxyType({})
    made: Mapping[str, Callable[["DeferredModule"], object]] = MappingProxyType({})
    around: Callable[[ModuleType], AbstractContextManager[None]] | None = None


class _Waiting(NamedTuple):
    rule: Rule
    loader: Loader
    deferring: "Deferring"


class StandIn:
    """A class or function of a module whose code waits. Every use but a type check runs it.

    As long as it has not run there are no instances of its classes.
    """

    def __init__(self, module: "DeferredModule", name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> object:
        return getattr(self._module.run(), self._name)

    def __call__(self, *args: object, **options: object) -> object:
        """Call the real one."""
        real = self._real()
        if not callable(real):
            raise TypeError(f"{self._module.__name__}.{self._name} cannot be called")
        return real(*args, **options)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            # Decorators and readers of type hints look for these in whatever they meet.
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __instancecheck__(self, value: object) -> bool:
        real = None if self._module.waits else self._real()
        return isinstance(real, type) and isinstance(value, real)

    def __subclasscheck__(self, kind: type) -> bool:
        real = None if self._module.waits else self._real()
        return isinstance(real, type) and issubclass(kind, real)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[object, ...]:
        return (self._real(),)

    def __or__(self, other: object) -> object:
        # Of a union in an annotation.
        return object

    __ror__ = __or__


class DeferredModule(ModuleType):
    """A module that runs its code when something is asked of it for which its rule has no answer."""

    @property
    def waits(self) -> bool:
        """Whether its code has not run yet."""
        return _WAITING in self.__dict__

    def run(self) -> ModuleType:
        """Run its code unless that has happened; gives what now bears its name, as some modules replace themselves."""
        waiting: _Waiting | None = self.__dict__.get(_WAITING)
        if waiting is not None:
            waiting.deferring.run(self)
        return sys.modules.get(self.__name__, self)

    def after(self, do: Callable[[ModuleType], object]) -> None:
        """Have something done as soon as its code has run."""
        self.__dict__.setdefault(_AFTER, []).append(do)

    def __getattr__(self, name: str) -> object:
        waiting: _Waiting | None = self.__dict__.get(_WAITING)
        special = name.startswith("__") and name not in ("__all__", "__version__")
        if waiting is not None and not special:
            return _answer(self, waiting, name)
        if (now := sys.modules.get(self.__name__, self)) is not self:
            return getattr(now, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def _answer(module: DeferredModule, waiting: _Waiting, name: str) -> object:
    rule, full = waiting.rule, module.__name__
    if name in rule.homes:
        home = rule.homes[name]
        return getattr(import_module(f"{full}.{home}"), name) if home else import_module(f"{full}.{name}")
    if name in rule.made:
        return rule.made[name](module)
    if rule.waits == "whole" and waiting.deferring.active and name != "__all__":
        return StandIn(module, name)
    return getattr(module.run(), name)


class _DeferringLoader(Loader):
    def __init__(self, rule: Rule, real: Loader, deferring: "Deferring") -> None:
        self._rule, self._real, self._deferring = rule, real, deferring

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec) if self._rule.waits == "never" else DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._real
        if self._rule.waits != "never":
            module.__dict__[_WAITING] = _Waiting(self._rule, self._real, self._deferring)
        elif self._rule.around is None:
            self._real.exec_module(module)
        else:
            with self._rule.around(module):
                self._real.exec_module(module)


class _Found(Loader):
    """Gives out a module that its package has imported in the meantime."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class Deferring(MetaPathFinder):
    """In its block, modules that have a rule and are imported for the first time wait. May be entered again.

    After it the finder stays, as the code of a package that waits must run before its submodules'.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules
        self._lock = threading.RLock()
        self._entered = 0
        self._thread = threading.local()

    def __enter__(self) -> Self:
        with self._lock:
            self._entered += 1
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._entered -= 1

    @property
    def active(self) -> bool:
        """Whether modules wait now; what a waiting module's own code imports is real."""
        return self._entered > 0 and not getattr(self._thread, "running", 0)

    def run(self, module: DeferredModule) -> None:
        """Run a module's code unless that has happened."""
        with self._lock:
            self._run_above(module.__name__)
            waiting: _Waiting | None = module.__dict__.pop(_WAITING, None)
            if waiting is None:
                return
            self._thread.running = getattr(self._thread, "running", 0) + 1
            try:
                waiting.loader.exec_module(module)
            except BaseException:
                module.__dict__[_WAITING] = waiting
                raise
            finally:
                self._thread.running -= 1
            for do in module.__dict__.pop(_AFTER, ()):
                do(sys.modules[module.__name__])

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that shall wait."""
        if not self.active:
            self._run_above(fullname)
            there = sys.modules.get(fullname)
            if there is None or there is target:
                return None
            # The import system takes the spec of a module that has come up meanwhile for the one that is asked for.
            there.__spec__ = ModuleSpec(fullname, _Found(there))
            return there.__spec__
        if (rule := self._rule_of(fullname)) is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _DeferringLoader(rule, spec.loader, self)
        return spec

    def _run_above(self, name: str) -> None:
        above = sys.modules.get(name.rpartition(".")[0])
        waiting: _Waiting | None = above.__dict__.get(_WAITING) if isinstance(above, DeferredModule) else None
        if isinstance(above, DeferredModule) and waiting is not None and waiting.rule.waits == "whole":
            above.run()

    def _rule_of(self, name: str) -> Rule | None:
        if (own := self._rules.get(name)) is not None:
            return own
        while name := name.rpartition(".")[0]:
            if (above := self._rules.get(name)) is not None and above.waits == "whole":
                return Rule("whole")
        return None
