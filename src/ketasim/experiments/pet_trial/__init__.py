"""The PET trial of Tiger 2020 in virtual patients: design, worlds, scans, tests, answers.

Import from the modules themselves; `ketasim.experiments.studies.pet_trial` puts them together.
"""
