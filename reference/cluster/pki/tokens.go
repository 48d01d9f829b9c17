package pki

import (
	"crypto/rand"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
)

// Tokens are the bearer tokens of a cluster's components, by user name.
type Tokens map[string]string

// KeepTokens returns the tokens in file (CSV: token, user, uid), after adding one for each user that has none.
func KeepTokens(file string, users ...string) (Tokens, error) {
	tokens := Tokens{}
	var rows [][]string
	f, err := os.Open(file)
	switch {
	case err == nil:
		rows, err = csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	for _, row := range rows {
		if len(row) < 3 {
			return nil, fmt.Errorf("%s: want token, user, uid; got %d fields", file, len(row))
		}
		tokens[row[1]] = row[0]
	}
	before := len(rows)
	for _, user := range users {
		if tokens[user] != "" {
			continue
		}
		secret := make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		tokens[user] = hex.EncodeToString(secret)
		rows = append(rows, []string{tokens[user], user, user})
	}
	if len(rows) == before {
		return tokens, nil
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := csv.NewWriter(out).WriteAll(rows); err != nil {
		out.Close()
		return nil, err
	}
	return tokens, out.Close()
}
