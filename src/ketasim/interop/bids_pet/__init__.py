"""PET data sets in BIDS: read and written, images with a segmentation or tables of curves.

`read` has scans from a folder, `synthetic` scans as 4D images on an atlas, `tables` and `blood`
their files, `maps` and `plotting` parametric images, and `checks` says whether a folder is BIDS.
Images need the extra ``pet``.
"""

from ketasim.interop.bids_pet.blood import Blood, read_inputs, write_blood
from ketasim.interop.bids_pet.checks import check_dataset, validate
from ketasim.interop.bids_pet.maps import ParametricMaps, parametric_maps
from ketasim.interop.bids_pet.read import Reading, read_dataset, read_scans
from ketasim.interop.bids_pet.synthetic import write_synthetic_dataset
from ketasim.interop.bids_pet.tables import write_tacs

__all__ = [
    "Blood",
    "ParametricMaps",
    "Reading",
    "check_dataset",
    "parametric_maps",
    "read_dataset",
    "read_inputs",
    "read_scans",
    "validate",
    "write_blood",
    "write_synthetic_dataset",
    "write_tacs",
]
