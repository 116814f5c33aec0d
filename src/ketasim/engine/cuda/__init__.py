"""The population solver on an NVIDIA GPU: one thread a patient, the same generated code.

Nothing is written twice. The text that `lowering` and `stepping` write for the processor is turned
into PTX, the GPU's assembly language, by the same compiler (`code`); the driver's own functions are
compiled for the GPU by numba-cuda (`binding`); and one short kernel gives each thread its memory
and its patients (`kernel`). Chunks of patients are streamed through the GPU (`launch`, `solver`).

With ``NUMBA_ENABLE_CUDASIM=1`` all of it runs without a GPU, in numba's simulator: there the
generated text is compiled for the processor instead of becoming PTX, and everything else is the
same.
"""
