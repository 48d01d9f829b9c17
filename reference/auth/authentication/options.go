// Package authentication is how the API server finds out who a request is from: it turns the flags
// that kube-apiserver is configured with into one chain of authenticators.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/
package authentication

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/server/options"
)

// Options say by what the API server knows its clients. Each is the flag of kube-apiserver of the
// same name; what is empty is off.
type Options struct {
	// ClientCAFile signs client certificates: CN is the user, O are the groups.
	ClientCAFile string
	// TokenAuthFile is a CSV file of static tokens: token,user,uid,"group1,group2".
	TokenAuthFile string
	// RequestHeader lets a front proxy, known by its client certificate, name the user in headers.
	RequestHeader options.RequestHeaderAuthenticationOptions
	// OIDC trusts one OpenID Connect provider. It and ConfigFile exclude each other.
	OIDC OIDC
	// ConfigFile is an AuthenticationConfiguration: any number of JWT issuers, and where anonymous
	// requests are let in. It is read again when it changes.
	ConfigFile string
	// Anonymous lets requests without credentials in, as system:anonymous.
	Anonymous bool
	// anonymousSet tells that the flag was given, which excludes the field of ConfigFile.
	anonymousSet func() bool
	// BootstrapTokens accepts the tokens of Secrets of the type bootstrap.kubernetes.io/token.
	BootstrapTokens bool
	// Webhook asks another server about bearer tokens.
	Webhook Webhook
	// APIAudiences are the names of this API server in `aud` claims; the issuers if empty.
	APIAudiences []string
	// ServiceAccounts configure the tokens that this server issues itself.
	ServiceAccounts ServiceAccounts
	// TokenSuccessCacheTTL and TokenFailureCacheTTL bound for how long a verdict on a token is
	// remembered, and so for how long one works after what it is bound to is gone.
	TokenSuccessCacheTTL, TokenFailureCacheTTL time.Duration
}

// Webhook is a server of TokenReviews.
type Webhook struct {
	// ConfigFile is a kubeconfig that says how to reach it.
	ConfigFile string
	// Version of authentication.k8s.io that it speaks: v1 or v1beta1.
	Version string
	// CacheTTL is for how long its answers are remembered.
	CacheTTL time.Duration
}

// Default is what kube-apiserver does without flags.
func Default() Options {
	return Options{
		Anonymous:            true,
		TokenSuccessCacheTTL: 10 * time.Second,
		Webhook:              Webhook{Version: "v1beta1", CacheTTL: 2 * time.Minute},
		OIDC:                 OIDC{UsernameClaim: "sub", SigningAlgs: []string{"RS256"}},
		ServiceAccounts: ServiceAccounts{
			Issuers:          []string{"https://kubernetes.default.svc.cluster.local"},
			ExtendExpiration: true,
		},
	}
}

// AddFlags adds the flags under their upstream names.
func (o *Options) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.ClientCAFile, "client-ca-file", o.ClientCAFile, "CA of client certificates: CN is the user, O are the groups")
	f.StringVar(&o.TokenAuthFile, "token-auth-file", o.TokenAuthFile, "CSV file of static tokens: token,user,uid,\"group1,group2\"")
	f.StringVar(&o.ConfigFile, "authentication-config", o.ConfigFile, "AuthenticationConfiguration file: JWT issuers and anonymous access; read again when it changes")
	f.BoolVar(&o.Anonymous, "anonymous-auth", o.Anonymous, "let requests without credentials in as system:anonymous")
	o.anonymousSet = func() bool { return f.Changed("anonymous-auth") }
	f.BoolVar(&o.BootstrapTokens, "enable-bootstrap-token-auth", o.BootstrapTokens, "accept the tokens of kube-system's Secrets of type bootstrap.kubernetes.io/token")
	f.StringVar(&o.Webhook.ConfigFile, "authentication-token-webhook-config-file", o.Webhook.ConfigFile, "kubeconfig of a server that is asked about bearer tokens")
	f.StringVar(&o.Webhook.Version, "authentication-token-webhook-version", o.Webhook.Version, "version of authentication.k8s.io that the webhook speaks")
	f.DurationVar(&o.Webhook.CacheTTL, "authentication-token-webhook-cache-ttl", o.Webhook.CacheTTL, "for how long the webhook's answers are remembered")
	f.StringSliceVar(&o.APIAudiences, "api-audiences", o.APIAudiences, "names of this server in tokens' audiences (default: the service account issuers)")
	o.RequestHeader.AddFlags(f)
	o.OIDC.addFlags(f)
	o.ServiceAccounts.addFlags(f)
}

// Validate tells which flags do not go together.
func (o *Options) Validate() error {
	errs := o.RequestHeader.Validate()
	errs = append(errs, o.OIDC.validate(), o.ServiceAccounts.validate())
	if o.ConfigFile != "" && o.OIDC.used() {
		errs = append(errs, errors.New("authentication-config file and oidc-* flags are mutually exclusive"))
	}
	if v := o.Webhook.Version; o.Webhook.ConfigFile != "" && v != "v1" && v != "v1beta1" {
		errs = append(errs, fmt.Errorf("--authentication-token-webhook-version: %q is neither v1 nor v1beta1", v))
	}
	return errors.Join(errs...)
}

// Audiences are those of the API server itself.
func (o *Options) Audiences() []string {
	if len(o.APIAudiences) > 0 {
		return o.APIAudiences
	}
	return o.ServiceAccounts.Issuers
}
