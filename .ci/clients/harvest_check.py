#!/usr/bin/env python3
"""Checks the catalogue's DCAT-AP with CKAN's parser, as a portal that harvests it would read it.

    harvest_check.py CATALOGUE

CATALOGUE is the address of a running catalogue. Every dataset, file, licence, format and checksum that its own answers
name has to be found, and each by an absolute identifier. Needs ckanext-dcat and rdflib. CKAN itself is not needed: the
parser takes settings and lists from it, and what stands for these is below.
"""

import importlib.abc
import importlib.machinery
import json
import sys
import types
import urllib.parse
import urllib.request

PAGE = 100


class Stub(types.ModuleType):
    """A module of CKAN: whatever is imported from it is there, and does nothing."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("ckan", "ckantoolkit"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Stub(spec.name)

    def exec_module(self, module):
        """Nothing to do."""


def stand_in_for_ckan():
    """What the parser asks CKAN for: no settings, no lists, tags as they are."""
    sys.meta_path.insert(0, Stubs())
    import ckan.lib.helpers
    import ckan.lib.munge
    import ckan.model.license
    import ckan.plugins
    import ckantoolkit

    def as_bool(value):
        return str(value).lower() in ("true", "1", "yes", "on")

    def no_action(name):
        raise KeyError(name)  # what CKAN says where an extension is not installed

    ckantoolkit.config = {}
    ckantoolkit.asbool = as_bool
    ckantoolkit.aslist = lambda value, sep=None: value.split(sep) if value else []
    ckantoolkit.get_action = no_action
    ckan.plugins.toolkit = sys.modules["ckan.plugins.toolkit"] = ckantoolkit
    ckan.lib.helpers.resource_formats = dict
    ckan.lib.munge.munge_tag = str
    ckan.model.license.LicenseRegister = dict


def read(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def datasets_of(catalogue):
    """All datasets as the catalogue's own answers have them."""
    found = []
    while page := json.loads(read(f"{catalogue}/datasets?limit={PAGE}&offset={len(found)}")):
        found += page
    return found


def harvested(catalogue):
    """All datasets as CKAN's parser finds them, by their addresses."""
    from ckanext.dcat.processors import RDFParser

    found = {}
    for offset in range(0, 1_000_000, PAGE):
        text = read(f"{catalogue}/datasets?schema=dcat-ap&limit={PAGE}&offset={offset}")
        if text == "[]":
            return found
        parser = RDFParser(profiles=["euro_dcat_ap_3"])
        parser.parse(text, "json-ld")
        found |= {extras(dataset)["uri"]: dataset for dataset in parser.datasets()}
    raise RuntimeError("the list of datasets does not end")


def extras(dataset):
    return {extra["key"]: extra["value"] for extra in dataset["extras"]}


def same(found, expected, what):
    assert found == expected, f"{what}: {found!r} instead of {expected!r}"


def is_web_address(text):
    return urllib.parse.urlsplit(text).scheme in ("http", "https")


def check_file(file, expected, dataset):
    what = f"{dataset['identifier']}, file {expected.get('name')!r}"
    same(file.get("download_url"), expected.get("content_url"), f"address of {what}")
    assert is_web_address(file["access_url"]) and is_web_address(file["uri"]), f"{what}: {file}"
    if format_name := expected.get("encoding_format"):
        same(file.get("format"), format_name, f"format of {what}")
        if "/" in format_name:
            same(file["mimetype"], f"https://www.iana.org/assignments/media-types/{format_name}", f"media type of {what}")
    if license_name := dataset.get("license"):
        assert is_web_address(file["license"]), f"licence of {what}: {file['license']}"
        assert license_name in file["license"] or "#license" in file["license"], f"licence of {what}: {file['license']}"
    if (size := expected.get("content_size_kb")) is not None:
        same(file.get("size"), size * 1000, f"size of {what}")
    if expected.get("checksum_algorithm") in ("md5", "sha256"):
        same(file.get("hash"), expected["checksum"].lower(), f"checksum of {what}")
        assert file["hash_algorithm"].endswith(expected["checksum_algorithm"]), f"algorithm of {what}: {file['hash_algorithm']}"


def check_dataset(found, dataset):
    what, more = dataset["identifier"], extras(found)
    same(found["title"], dataset["name"], f"title of {what}")
    same(more["identifier"], dataset["identifier"], f"identifier of {what}")
    same(sorted(tag["name"] for tag in found["tags"]), sorted(dataset["keyword"]), f"keywords of {what}")
    assert more.get("publisher_name"), f"publisher of {what}: {more}"
    if dataset["contact"]:
        assert more.get("contact_name") and is_web_address(more["contact_uri"]), f"contact of {what}: {more}"
    if dataset["creator"]:
        assert more.get("creator_name"), f"creator of {what}: {more}"
    if "geo" in dataset.get("spatial_coverage", {}):
        assert more.get("spatial_centroid") or more.get("spatial"), f"place of {what}: {more}"
    if "temporal_coverage" in dataset:
        assert more.get("temporal_start") or more.get("temporal_end"), f"period of {what}: {more}"
    by_uri = sorted(found["resources"], key=lambda file: int(file["uri"].rsplit("-", 1)[1]))
    same(len(by_uri), len(dataset["distribution"]), f"number of files of {what}")
    for file, expected in zip(by_uri, dataset["distribution"]):
        check_file(file, expected, dataset)
    return len(by_uri)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    catalogue = sys.argv[1].rstrip("/")
    stand_in_for_ckan()
    datasets, found = datasets_of(catalogue), harvested(catalogue)
    assert datasets, "the catalogue has no datasets"
    same(sorted(found), sorted(f"{catalogue}/datasets/{dataset['identifier']}" for dataset in datasets), "datasets")
    files = sum(check_dataset(found[f"{catalogue}/datasets/{dataset['identifier']}"], dataset) for dataset in datasets)
    print(f"CKAN's parser finds {len(datasets)} datasets with {files} files")


if __name__ == "__main__":
    main()
