package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/load"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
)

// The modes of --authorization-mode, which are also the types of an AuthorizationConfiguration.
const (
	modeNode, modeRBAC, modeABAC, modeWebhook = "Node", "RBAC", "ABAC", "Webhook"
	modeAlwaysAllow, modeAlwaysDeny           = "AlwaysAllow", "AlwaysDeny"
)

var authorizationModes = []string{modeABAC, modeAlwaysAllow, modeAlwaysDeny, modeNode, modeRBAC, modeWebhook}

// Authorization chooses who decides what a user may do. The first authorizer with an opinion wins; a
// member of system:masters is asked for nothing.
type Authorization struct {
	// Modes are the authorizers, in order; Node and RBAC if neither Modes nor ConfigFile is given.
	Modes []string
	// PolicyFile has the policies of mode ABAC, one JSON object per line.
	PolicyFile string
	// WebhookConfigFile is the kubeconfig of mode Webhook; WebhookVersion the version of the
	// SubjectAccessReviews sent to it (v1beta1 by default, or v1); the TTLs say for how long answers
	// are remembered (5 m and 30 s by default).
	WebhookConfigFile, WebhookVersion            string
	WebhookAuthorizedTTL, WebhookUnauthorizedTTL time.Duration
	// ConfigFile is an AuthorizationConfiguration (apiserver.config.k8s.io/v1) instead of Modes and
	// Webhook*. It is read once.
	ConfigFile string
}

// AddFlags adds the flags, which are called as kube-apiserver's.
func (a *Authorization) AddFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&a.Modes, "authorization-mode", nil, "authorizers, in order, of Node, RBAC, ABAC, Webhook, AlwaysAllow and AlwaysDeny (default: Node,RBAC)")
	f.StringVar(&a.PolicyFile, "authorization-policy-file", "", "policies of mode ABAC, one JSON object per line")
	f.StringVar(&a.WebhookConfigFile, "authorization-webhook-config-file", "", "kubeconfig of mode Webhook")
	f.StringVar(&a.WebhookVersion, "authorization-webhook-version", "", "version of the SubjectAccessReviews for the webhook, v1 or v1beta1 (default: v1beta1)")
	f.DurationVar(&a.WebhookAuthorizedTTL, "authorization-webhook-cache-authorized-ttl", 0, "how long the webhook's \"allowed\" is remembered (default: 5m)")
	f.DurationVar(&a.WebhookUnauthorizedTTL, "authorization-webhook-cache-unauthorized-ttl", 0, "how long the webhook's other answers are remembered (default: 30s)")
	f.StringVar(&a.ConfigFile, "authorization-config", "", "AuthorizationConfiguration file instead of the flags above, but for the policy file")
}

// complete turns flags or file into a valid configuration.
func (a Authorization) complete() (*apiserver.AuthorizationConfiguration, error) {
	if a.ConfigFile == "" {
		return a.fromFlags()
	}
	if len(a.Modes) > 0 || a.WebhookConfigFile != "" || a.WebhookVersion != "" || a.WebhookAuthorizedTTL != 0 || a.WebhookUnauthorizedTTL != 0 {
		return nil, fmt.Errorf("--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined")
	}
	config, err := load.LoadFromFile(a.ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("failed to load AuthorizationConfiguration from file: %w", err)
	}
	if errs := validation.ValidateAuthorizationConfiguration(authorizationcel.NewDefaultCompiler(), field.NewPath(""), config,
		sets.New(authorizationModes...), sets.New(modeWebhook)); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	return config, a.checkPolicyFile(slices.ContainsFunc(config.Authorizers, func(c apiserver.AuthorizerConfiguration) bool { return c.Type == modeABAC }))
}

func (a Authorization) fromFlags() (*apiserver.AuthorizationConfiguration, error) {
	modes := a.Modes
	if len(modes) == 0 {
		modes = []string{modeNode, modeRBAC}
	}
	var errs []error
	config := &apiserver.AuthorizationConfiguration{}
	seen := sets.New[string]()
	for _, mode := range modes {
		if !slices.Contains(authorizationModes, mode) {
			errs = append(errs, fmt.Errorf("authorization-mode %q is not a valid mode", mode))
		}
		if seen.Has(mode) {
			errs = append(errs, fmt.Errorf("authorization-mode %q has mode specified more than once", mode))
		}
		seen.Insert(mode)
		c := apiserver.AuthorizerConfiguration{Type: apiserver.AuthorizerType(mode), Name: strings.ToLower(mode)}
		if mode == modeWebhook {
			c.Webhook = a.webhook()
		}
		config.Authorizers = append(config.Authorizers, c)
	}
	errs = append(errs, a.checkPolicyFile(seen.Has(modeABAC)))
	switch {
	case seen.Has(modeWebhook) && a.WebhookConfigFile == "":
		errs = append(errs, fmt.Errorf("authorization-mode Webhook's authorization config file not passed"))
	case !seen.Has(modeWebhook) && a.WebhookConfigFile != "":
		errs = append(errs, fmt.Errorf("cannot specify --authorization-webhook-config-file without mode Webhook"))
	}
	return config, utilerrors.NewAggregate(errs)
}

func (a Authorization) checkPolicyFile(abac bool) error {
	switch {
	case abac && a.PolicyFile == "":
		return fmt.Errorf("authorization-mode ABAC's authorization policy file not passed")
	case !abac && a.PolicyFile != "":
		return fmt.Errorf("cannot specify --authorization-policy-file without mode ABAC")
	}
	return nil
}

// webhookTimeout is how long one question may take when it is configured by flags.
const webhookTimeout = 30 * time.Second

func (a Authorization) webhook() *apiserver.WebhookConfiguration {
	or := func(ttl, otherwise time.Duration) metav1.Duration {
		if ttl == 0 {
			ttl = otherwise
		}
		return metav1.Duration{Duration: ttl}
	}
	version := a.WebhookVersion
	if version == "" {
		version = "v1beta1"
	}
	return &apiserver.WebhookConfiguration{
		AuthorizedTTL: or(a.WebhookAuthorizedTTL, 5*time.Minute), CacheAuthorizedRequests: true,
		UnauthorizedTTL: or(a.WebhookUnauthorizedTTL, 30*time.Second), CacheUnauthorizedRequests: true,
		Timeout: metav1.Duration{Duration: webhookTimeout}, SubjectAccessReviewVersion: version, FailurePolicy: apiserver.FailurePolicyNoOpinion,
		ConnectionInfo: apiserver.WebhookConnectionInfo{Type: apiserver.AuthorizationWebhookConnectionInfoTypeKubeConfigFile, KubeConfigFile: &a.WebhookConfigFile},
	}
}
