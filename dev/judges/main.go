// Command judges tells how kstatus, Flux and Argo CD read the statuses that the operator writes, by those tools' own
// code.
//
//	judges check RECORDS       judges every recorded version of every custom resource, and fails when one is misread
//	judges fixtures RECORDS    writes the fixtures of argocd/ from recorded versions, one for each state
//
// RECORDS has one JSON object a line: the type of a watch event and the whole custom resource. Run in the repository's
// root.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: judges check|fixtures RECORDS")
	}
	const repository = "."
	switch command, records := arguments[0], arguments[1]; command {
	case "check":
		return check(repository, records, os.Stdout)
	case "fixtures":
		return writeFixtures(repository, records)
	default:
		return fmt.Errorf("%s: there are check and fixtures", command)
	}
}
