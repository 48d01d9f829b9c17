package cluster

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
)

// tokenCommand are the commands about tokens by which nodes join.
func tokenCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{Use: "token", Short: "Create, list and delete tokens by which nodes join"}
	cmd.PersistentFlags().StringVar(&name, "name", DefaultName, "name of the cluster")
	cmd.AddCommand(tokenCreate(&name), tokenList(&name), tokenDelete(&name))
	return cmd
}

func tokenCreate(cluster *string) *cobra.Command {
	var ttl time.Duration
	var description string
	var printJoin bool
	cmd := &cobra.Command{
		Use: "create [TOKEN]", Short: "Create a token and print it", Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := Find(*cluster)
			if err != nil {
				return err
			}
			t, err := c.CreateToken(cmd.Context(), strings.Join(args, ""), ttl, description)
			if err != nil {
				return err
			}
			text := t.String()
			if printJoin {
				if text, err = c.JoinCommand(t); err != nil {
					return err
				}
			}
			fmt.Fprintln(cmd.OutOrStdout(), text)
			return nil
		},
	}
	cmd.Flags().DurationVar(&ttl, "ttl", DefaultTokenTTL, "how long it is good; 0 for ever")
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	cmd.Flags().BoolVar(&printJoin, "print-join-command", false, "print what to type on another machine so that it joins")
	return cmd
}

func tokenList(cluster *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := Find(*cluster)
			if err != nil {
				return err
			}
			tokens, err := c.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
			fmt.Fprintln(w, "TOKEN\tTTL\tEXPIRES\tUSAGES\tDESCRIPTION\tEXTRA GROUPS")
			for _, t := range tokens {
				fmt.Fprintln(w, strings.Join(t.row(time.Now()), "\t"))
			}
			return w.Flush()
		},
	}
}

// row is the token's line in a list.
func (t Token) row(now time.Time) []string {
	left, end := "<forever>", "<never>"
	if t.Expires != nil {
		end = t.Expires.Format(time.RFC3339)
		if left = "<invalid>"; now.Before(*t.Expires) {
			left = duration.ShortHumanDuration(t.Expires.Sub(now))
		}
	}
	orNone := func(text string) string {
		if text == "" {
			return "<none>"
		}
		return text
	}
	return []string{t.String(), left, end, orNone(strings.Join(t.Usages, ",")), orNone(t.Description), orNone(strings.Join(t.Groups, ","))}
}

func tokenDelete(cluster *string) *cobra.Command {
	return &cobra.Command{
		Use: "delete TOKEN|ID...", Short: "Delete tokens", Args: cobra.MinimumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := Find(*cluster)
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := c.DeleteToken(cmd.Context(), name); err != nil {
					return err
				}
				id, _, _ := strings.Cut(name, ".")
				fmt.Fprintf(cmd.OutOrStdout(), "bootstrap token %q deleted\n", id)
			}
			return nil
		},
	}
}
