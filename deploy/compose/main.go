// Command compose reads a compose file as Docker Compose does, with the library that Compose itself is built on, and prints
// it as JSON: checked against the Compose specification's schema, variables filled in from the environment, references
// followed, defaults set. It is a module of its own, so that what the library needs stays out of the product's; a test of
// package deploy runs it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, files []string) error {
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv)
	if err != nil {
		return fmt.Errorf("take options: %w", err)
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return fmt.Errorf("load %q: %w", files, err)
	}
	data, err := project.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode the project: %w", err)
	}
	_, err = os.Stdout.Write(append(data, '\n'))
	return err
}
