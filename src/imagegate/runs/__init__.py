"""The runs that are kept in a report folder, and what changed from one to another.

brief      a run in short: what comparisons and trends need    compare    two runs → what changed; pure
index      ``index.sqlite``: the runs in short                 store      the index opened, mended, done without
naming     which run a name means; pure                        shelves    which runs a command can mean
undos      the undos that are kept
scan       the folder → the index                              history    what commands and reports ask for
baseline   a run of now against a stored one                   retention  which runs may go, and their removal

The reports are the truth; the index is made of them, and made again wherever it is missing or damaged.
"""
