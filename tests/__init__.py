"""Tests of OmniAgent; a package, so that helpers here can be imported."""
