package serviceaccount

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
)

// Authenticator accepts the tokens of its issuers. It is safe for concurrent use.
type Authenticator struct {
	issuers   []string
	keys      verifiers
	audiences authenticator.Audiences
	validator validator
}

var _ authenticator.Token = &Authenticator{}

// NewAuthenticator accepts tokens that one of the issuers names itself in, that one of the
// keys signed, and that are meant for one of the audiences (those of the API server itself).
func NewAuthenticator(issuers []string, keys []crypto.PublicKey, audiences []string, get Getters) (*Authenticator, error) {
	if len(issuers) == 0 || len(keys) == 0 || len(audiences) == 0 {
		return nil, fmt.Errorf("service account tokens: at least one issuer, key and audience is required, got %d, %d and %d", len(issuers), len(keys), len(audiences))
	}
	a := &Authenticator{issuers: issuers, audiences: audiences, validator: validator{get: get, now: time.Now}}
	var err error
	if a.keys, err = newVerifiers(keys); err != nil {
		return nil, err
	}
	return a, nil
}

// AuthenticateToken says (nil, false, nil) to what is not a token of these issuers, so that
// another authenticator may know it, and returns an error for one that is theirs but invalid.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if !slices.Contains(a.issuers, claimedIssuer(token)) {
		return nil, false, nil
	}
	parsed, err := jwt.ParseSigned(token, signatures)
	if err != nil {
		return nil, false, err
	}
	var public jwt.Claims
	var private privateClaims
	if err := a.keys.verify(parsed, &public, &private); err != nil {
		return nil, false, err
	}
	wanted, explicit := authenticator.AudiencesFrom(ctx)
	if !explicit {
		wanted = a.audiences
	}
	matched := authenticator.Audiences(public.Audience).Intersect(wanted)
	if len(matched) == 0 {
		return nil, false, fmt.Errorf("token audiences %q is invalid for the target audiences %q", public.Audience, wanted)
	}
	info, stale, err := a.validator.validate(ctx, public, private.Kubernetes)
	if err != nil {
		return nil, false, err
	}
	if stale > 0 {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/stale-token",
			fmt.Sprintf("subject: %s, seconds after warning threshold: %.0f", public.Subject, stale.Seconds()))
	}
	return &authenticator.Response{User: info.UserInfo(), Audiences: matched}, true, nil
}

// claimedIssuer reads `iss` without checking anything, to tell our tokens from others'. What
// is no JWT has none.
func claimedIssuer(token string) string {
	_, rest, ok := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(signature, ".") {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return ""
	}
	return c.Issuer
}
