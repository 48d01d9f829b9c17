package spec

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// Command is `etalon spec`: reads the specification on the terminal.
func Command() *cobra.Command {
	root := &cobra.Command{
		Use:   "spec",
		Short: "Show the documented behaviours that the suite proves",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(listCommand(), showCommand())
	return root
}

func listCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "list [AREA…]",
		Short: "List the behaviours, of all areas or of those named",
		RunE: func(cmd *cobra.Command, areas []string) error {
			set, err := Load()
			if err != nil {
				return err
			}
			behaviours, err := set.inAreas(areas)
			if err != nil {
				return err
			}
			if output == "table" {
				return printTable(cmd.OutOrStdout(), behaviours)
			}
			return encode(cmd.OutOrStdout(), output, behaviours)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, json or yaml")
	return cmd
}

func showCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one behaviour: its sentence, sources, needs and notes",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := Load()
			if err != nil {
				return err
			}
			b, found := set.Lookup(args[0])
			if !found {
				return set.unknown("behaviour", args[0], set.ids())
			}
			if output == "page" {
				return printPage(cmd.OutOrStdout(), b)
			}
			return encode(cmd.OutOrStdout(), output, b)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "page", "page, json or yaml")
	return cmd
}

// inAreas returns the behaviours of the named areas, or all; an unknown area is an error.
func (s *Set) inAreas(areas []string) ([]Behaviour, error) {
	if len(areas) == 0 {
		return s.All(), nil
	}
	var behaviours []Behaviour
	for _, area := range areas {
		if !slices.Contains(s.Areas(), area) {
			return nil, s.unknown("area", area, s.Areas())
		}
		behaviours = append(behaviours, s.InArea(area)...)
	}
	return behaviours, nil
}

func (s *Set) ids() []string {
	ids := make([]string, len(s.behaviours))
	for i, b := range s.behaviours {
		ids[i] = b.ID
	}
	return ids
}

// unknown explains a name that is not there, with those that may have been meant.
func (s *Set) unknown(what, name string, known []string) error {
	if near := Near(name, known, 5); len(near) > 0 {
		return fmt.Errorf("no %s %q; did you mean %s?", what, name, strings.Join(near, ", "))
	}
	return fmt.Errorf("no %s %q (etalon spec list shows them)", what, name)
}

func printTable(w io.Writer, behaviours []Behaviour) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "ID\tLEVEL\tCOMPONENT\tNEEDS\tTITLE")
	for _, b := range behaviours {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", b.ID, b.Level, b.Component, orNone(strings.Join(b.Needs, ",")), b.Title)
	}
	return tw.Flush()
}

func printPage(w io.Writer, b Behaviour) error {
	fmt.Fprintf(w, "%s\n\n  %s\n\n", b.ID, b.Title)
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(tw, "Level\t%s (profile %s)\n", b.Level, b.Profile())
	fmt.Fprintf(tw, "Judges\t%s\n", b.Component)
	fmt.Fprintf(tw, "Since\t%s\n", orNone(b.Since))
	fmt.Fprintf(tw, "Needs\t%s\n", orNone(strings.Join(b.Needs, ", ")))
	for i, source := range b.Sources {
		label := ""
		if i == 0 {
			label = "Sources"
		}
		fmt.Fprintf(tw, "%s\t%s\n", label, sourceLink(source))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if b.Notes != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(b.Notes))
	}
	_, err := fmt.Fprintf(w, "\nRun it: etalon conformance --focus %s\n", b.ID)
	return err
}

// sourceLink turns a documentation source into its address; the others stay as they are.
func sourceLink(source string) string {
	if page, isDocs := strings.CutPrefix(source, "docs: "); isDocs {
		page, section, _ := strings.Cut(page, "#")
		link := "https://kubernetes.io/docs/" + strings.TrimSuffix(page, "/") + "/"
		if section != "" {
			link += "#" + section
		}
		return link
	}
	return source
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func encode(w io.Writer, format string, v any) error {
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	case "yaml":
		data, err := yaml.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	}
	return fmt.Errorf("unknown output %q", format)
}
