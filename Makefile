.PHONY: install test start
install: ; npm ci
test: ; npm test
start: ; npm start
