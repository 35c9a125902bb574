"""What a run tells: each renderer is a pure function of a ``Result``; only ``write`` touches the disk.

build     Result → the records of ``report.json``          document  the JSON text, in chunks
junit     JUnit XML, in chunks                               terminal  what a person reads, and ``report.txt``
advice    what to run next                                   progress  what is shown while a run works
safe      hostile names made visible                         write     the files of a run and the link ``latest``
"""
