"""The command line: arguments in, library calls, a document out. Nothing here knows how anything is found or drawn.

Only the standard library is imported at the top of these modules; a command imports its stage of the library when it
runs, so that help and completion stay fast.
"""
