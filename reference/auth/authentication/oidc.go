package authentication

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/utils/ptr"
)

// OIDC are the flags for one OpenID Connect provider.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
type OIDC struct {
	// IssuerURL and ClientID name the provider and us. They come together.
	IssuerURL, ClientID string
	// CAFile checks the provider's certificate; the machine's roots do if empty.
	CAFile string
	// UsernameClaim and GroupsClaim are where the user and the groups stand.
	UsernameClaim, GroupsClaim string
	// UsernamePrefix goes before the user. If empty it is the issuer and '#', except for the claim
	// email; "-" is no prefix.
	UsernamePrefix string
	// GroupsPrefix goes before each group.
	GroupsPrefix string
	// SigningAlgs are the accepted JOSE algorithms.
	SigningAlgs []string
	// RequiredClaims must stand in a token with these very values.
	RequiredClaims map[string]string
}

func (o *OIDC) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.IssuerURL, "oidc-issuer-url", o.IssuerURL, "https URL of an OpenID Connect issuer whose tokens are accepted")
	f.StringVar(&o.ClientID, "oidc-client-id", o.ClientID, "audience that its tokens must have")
	f.StringVar(&o.CAFile, "oidc-ca-file", o.CAFile, "CA of the issuer's certificate (default: the machine's)")
	f.StringVar(&o.UsernameClaim, "oidc-username-claim", o.UsernameClaim, "claim that is the user name")
	f.StringVar(&o.UsernamePrefix, "oidc-username-prefix", o.UsernamePrefix, "prefix of user names; '-' for none (default: the issuer and '#', none for the claim email)")
	f.StringVar(&o.GroupsClaim, "oidc-groups-claim", o.GroupsClaim, "claim that is the user's groups, a string or a list")
	f.StringVar(&o.GroupsPrefix, "oidc-groups-prefix", o.GroupsPrefix, "prefix of groups")
	f.StringSliceVar(&o.SigningAlgs, "oidc-signing-algs", o.SigningAlgs, "accepted algorithms: "+strings.Join(oidc.AllValidSigningAlgorithms(), ", "))
	f.Var(cliflag.NewMapStringStringNoSplit(&o.RequiredClaims), "oidc-required-claim", "key=value that must stand in a token; may be repeated")
}

func (o *OIDC) used() bool {
	return o.IssuerURL != "" || o.ClientID != "" || o.CAFile != "" || o.UsernamePrefix != "" || o.GroupsClaim != "" ||
		o.GroupsPrefix != "" || len(o.RequiredClaims) > 0 || (o.UsernameClaim != "" && o.UsernameClaim != "sub") ||
		(len(o.SigningAlgs) > 0 && !slices.Equal(o.SigningAlgs, []string{"RS256"}))
}

func (o *OIDC) validate() error {
	if !o.used() {
		return nil
	}
	if o.IssuerURL == "" || o.ClientID == "" {
		return errors.New("oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set")
	}
	if o.UsernameClaim == "" || len(o.SigningAlgs) == 0 {
		return errors.New("oidc-username-claim and oidc-signing-algs must not be empty")
	}
	return nil
}

// configuration says the same as an AuthenticationConfiguration would.
func (o *OIDC) configuration() (*apiserver.AuthenticationConfiguration, error) {
	if !o.used() {
		return &apiserver.AuthenticationConfiguration{}, nil
	}
	prefix := o.UsernamePrefix
	switch {
	case prefix == "-":
		prefix = ""
	case prefix == "" && o.UsernameClaim != "email":
		prefix = o.IssuerURL + "#"
	}
	jwt := apiserver.JWTAuthenticator{
		Issuer:        apiserver.Issuer{URL: o.IssuerURL, Audiences: []string{o.ClientID}},
		ClaimMappings: apiserver.ClaimMappings{Username: apiserver.PrefixedClaimOrExpression{Claim: o.UsernameClaim, Prefix: &prefix}},
	}
	if o.GroupsClaim != "" {
		jwt.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: o.GroupsClaim, Prefix: ptr.To(o.GroupsPrefix)}
	}
	for claim, value := range o.RequiredClaims {
		jwt.ClaimValidationRules = append(jwt.ClaimValidationRules, apiserver.ClaimValidationRule{Claim: claim, RequiredValue: value})
	}
	slices.SortFunc(jwt.ClaimValidationRules, func(a, b apiserver.ClaimValidationRule) int { return strings.Compare(a.Claim, b.Claim) })
	if o.CAFile != "" {
		ca, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--oidc-ca-file: %w", err)
		}
		jwt.Issuer.CertificateAuthority = string(ca)
	}
	return &apiserver.AuthenticationConfiguration{JWT: []apiserver.JWTAuthenticator{jwt}}, nil
}

// oidcAlgorithms are those of the flag, or all where a file is the configuration: it cannot name them.
func oidcAlgorithms(o *Options) []string {
	if o.ConfigFile != "" {
		return oidc.AllValidSigningAlgorithms()
	}
	return o.OIDC.SigningAlgs
}
