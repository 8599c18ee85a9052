# Aliases of dev.py, which needs no make.
WORDS := run test check bench sim soak torture crowd mutants lock
.PHONY: $(WORDS)
$(WORDS):
	@python3 dev.py $@ $(filter-out MAKE%,$(MAKEOVERRIDES))
