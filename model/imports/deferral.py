"""Modules whose code waits until something of them is used, and stand-ins for their names until then."""

import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
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
            `whole`: its submodules wait too.
        stands: Names that may be imported from it without its code, `convert_*` for all that begin so; and from its
            submodules where they have no rule of their own. None of them may be a class of errors, as `except` takes
            no stand-in.
        homes: Names that it takes from its submodules, with the submodule: importing that is enough. An empty one says
            that the name is a submodule itself.
        made: What is given out in place of some names as long as it waits.
        around: What its code runs in.
    """

    waits: Literal["never", "alone", "whole"] = "alone"
    stands: tuple[str, ...] = ()
    homes: Mapping[str, str] = MappingProxyType({})
    made: Mapping[str, Callable[["DeferredModule"], object]] = MappingProxyType({})
    around: Callable[[ModuleType], AbstractContextManager[None]] | None = None


@dataclass(slots=True)
class _Waiting:
    """What a module whose code has not run to its end needs for that.

    Attributes:
        started: Its code was begun, and may have failed: from then on it is imported like any module.
        thread: Which runs its code now.
    """

    rule: Rule
    loader: Loader
    deferring: "Deferring"
    started: bool = False
    thread: int | None = None

    @property
    def here(self) -> bool:
        """Whether this thread runs the code now, and so sees what there is of the module."""
        return self.thread == threading.get_ident()


class StandIn:
    """A class or function of a module whose code waits. Every use but a type check runs it.

    As long as it has not run there are no instances of its classes.
    """

    def __init__(self, module: "DeferredModule", name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> object:
        return getattr(self._module.run(), self._name)

    def _known(self) -> object:
        return vars(self._module).get(self._name) if self._module.waits else self._real()

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
        real = self._known()
        return isinstance(real, type) and isinstance(value, real)

    def __subclasscheck__(self, kind: type) -> bool:
        real = self._known()
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
        """Whether its code has not run to its end yet."""
        return _WAITING in self.__dict__

    @property
    def started(self) -> bool:
        """Whether its code was begun."""
        waiting: _Waiting | None = self.__dict__.get(_WAITING)
        return waiting is None or waiting.started

    @property
    def whole(self) -> bool:
        """Whether it waits, and all below it."""
        waiting: _Waiting | None = self.__dict__.get(_WAITING)
        return waiting is not None and waiting.rule.waits == "whole"

    def run(self) -> ModuleType:
        """Run its code unless that has happened; gives what now bears its name, as some modules replace themselves."""
        waiting: _Waiting | None = self.__dict__.get(_WAITING)
        if waiting is not None and not waiting.here:
            waiting.deferring.run(self)
        return sys.modules.get(self.__name__, self)

    def after(self, do: Callable[[ModuleType], object]) -> None:
        """Have something done as soon as its code has run; at once if it has."""
        waiting: _Waiting | None = self.__dict__.get(_WAITING)
        if waiting is None or not waiting.deferring.later(self, do):
            do(sys.modules[self.__name__])

    def __getattr__(self, name: str) -> object:
        waiting: _Waiting | None = self.__dict__.get(_WAITING)
        special = name.startswith("__") and name not in ("__all__", "__version__")
        if waiting is not None and not waiting.here and not special:
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
    if waiting.deferring.active and any(fnmatchcase(name, each) for each in rule.stands):
        return StandIn(module, name)
    now = module.run()
    if now is module and module.waits:
        # Its code runs in another thread, which waits for what this one imports: what there is must do.
        if name in module.__dict__:
            return module.__dict__[name]
        raise AttributeError(f"module {full!r}, whose code is under way in another thread, has no {name!r} yet")
    return getattr(now, name)


class _DeferringLoader(Loader):
    def __init__(self, rule: Rule, real: Loader, deferring: "Deferring") -> None:
        self._rule, self._real, self._deferring = rule, real, deferring

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec) if self._rule.waits == "never" else DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._real
        if isinstance(module, DeferredModule):
            self._deferring.wait(module, _Waiting(self._rule, self._real, self._deferring))
        elif self._rule.around is None:
            self._real.exec_module(module)
        else:
            with self._rule.around(module):
                self._real.exec_module(module)


class _Runner(Loader):
    """Runs the code of a module that waits, as the import system's own loading of it."""

    def __init__(self, module: DeferredModule, waiting: _Waiting) -> None:
        self._module, self._waiting = module, waiting

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        waiting = self._waiting
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = waiting.loader
        waiting.thread = threading.get_ident()
        try:
            with waiting.deferring.running():
                waiting.loader.exec_module(module)
                waiting.deferring.finish(self._module)
        finally:
            waiting.thread = None


class _Found(Loader):
    """Gives out a module that its package has imported in the meantime."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class Deferring(MetaPathFinder):
    """In its block, modules that have a rule and are imported for the first time by this thread wait.

    May be entered again. After it the finder stays, as it is by the import system that waiting modules run: their code
    runs once, other threads wait for its end, and threads that wait for each other are found out, since the lock of a
    module is the import system's own.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        """Of what follows; never held while code of a module runs."""
        self._waiting: dict[str, DeferredModule] = {}
        self._thread = threading.local()

    def __enter__(self) -> Self:
        with self._lock:
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
        self._thread.entered = getattr(self._thread, "entered", 0) + 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.entered -= 1

    @property
    def active(self) -> bool:
        """Whether modules that this thread imports wait now; what a waiting module's own code imports is real."""
        return getattr(self._thread, "entered", 0) > 0 and not getattr(self._thread, "running", 0)

    @contextmanager
    def running(self) -> Generator[None]:
        """While code of a module that waited runs in this thread."""
        self._thread.running = getattr(self._thread, "running", 0) + 1
        try:
            yield
        finally:
            self._thread.running -= 1

    def wait(self, module: DeferredModule, waiting: _Waiting) -> None:
        """Have a module wait."""
        with self._lock:
            module.__dict__[_WAITING] = waiting
            self._waiting[module.__name__] = module

    def later(self, module: DeferredModule, do: Callable[[ModuleType], object]) -> bool:
        """Note what is to be done when a module's code has run; False: it has."""
        with self._lock:
            if module.waits:
                module.__dict__.setdefault(_AFTER, []).append(do)
            return module.waits

    def run(self, module: DeferredModule) -> None:
        """Run a module's code, or wait until another thread has.

        Returns with a part of it if that thread waits for this one, as with imports in a circle.
        """
        name = module.__name__
        above = sys.modules.get(name.rpartition(".")[0])
        if isinstance(above, DeferredModule) and above.whole:
            above.run()
        with self._lock:
            waiting: _Waiting | None = module.__dict__.get(_WAITING)
            if waiting is None:
                return
            if not waiting.started and sys.modules.get(name) is module:
                # What isn't there is imported, under the lock of its name.
                del sys.modules[name]
            waiting.started = True
        # Unlike `import_module` this accepts a part of a module where threads wait for each other.
        __import__(name)
        if module.waits and sys.modules[name] is not module:
            # Another finder came first.
            self.finish(module)

    def finish(self, module: DeferredModule) -> None:
        """Say that a module's code has run, and do what waited for that."""
        while True:
            with self._lock:
                left: list[Callable[[ModuleType], object]] = module.__dict__.pop(_AFTER, [])
                if not left:
                    module.__dict__.pop(_WAITING, None)
                    self._waiting.pop(module.__name__, None)
                    return
            for do in left:
                do(sys.modules[module.__name__])

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that shall wait, or that has waited and shall run."""
        with self._lock:
            module = self._waiting.get(fullname)
            waiting: _Waiting | None = None if module is None else module.__dict__.get(_WAITING)
            if waiting is not None:
                waiting.started = True
        if module is not None and waiting is not None and module.__spec__ is not None:
            module.__spec__.loader = _Runner(module, waiting)
            return module.__spec__
        if not self.active:
            above = sys.modules.get(fullname.rpartition(".")[0])
            # While it is under way in another thread, that one may need this module, whose lock is held here.
            if isinstance(above, DeferredModule) and above.whole and not above.started:
                above.run()
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

    def _rule_of(self, name: str) -> Rule | None:
        if (own := self._rules.get(name)) is not None:
            return own
        while name := name.rpartition(".")[0]:
            if (above := self._rules.get(name)) is not None and above.waits == "whole":
                return Rule("whole", stands=above.stands)
        return None
