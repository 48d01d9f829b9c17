package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	certificatesv1 "k8s.io/api/certificates/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
	authorizationmetrics "k8s.io/apiserver/pkg/authorization/metrics"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	webhookutil "k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/apiserver/plugin/pkg/authorizer/webhook"
	webhookmetrics "k8s.io/apiserver/plugin/pkg/authorizer/webhook/metrics"
	"k8s.io/client-go/informers"

	"github.com/etalon-dev/etalon/reference/auth/abac"
	"github.com/etalon-dev/etalon/reference/auth/node"
	"github.com/etalon-dev/etalon/reference/auth/rbac"
	"github.com/etalon-dev/etalon/reference/auth/rbac/bootstrap"
)

// authorizers are those that a server was configured with.
type authorizers struct {
	all   authorizer.Authorizer
	rules authorizer.RuleResolver
	rbac  *rbac.Authorizer // nil without mode RBAC
}

// ruled is what every mode is made of.
type ruled interface {
	authorizer.Authorizer
	authorizer.RuleResolver
}

// applyAuthorization allows the group system:masters everything and everyone else what the first of the
// configured authorizers says that has an opinion. With RBAC, the server is not ready before it knows
// every role and binding.
func applyAuthorization(cfg *genericapiserver.Config, flags Authorization, shared informers.SharedInformerFactory, owners node.Owner) (*authorizers, error) {
	config, err := flags.complete()
	if err != nil {
		return nil, err
	}
	b := &authorizers{}
	chain := []union.NamedAuthorizer{{AuthorizerName: "system:masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)}}
	var rules []authorizer.RuleResolver
	for _, c := range config.Authorizers {
		z, err := b.build(c, flags, shared, owners)
		if err != nil {
			return nil, fmt.Errorf("authorizer %s: %w", c.Name, err)
		}
		chain = append(chain, union.NamedAuthorizer{AuthorizerName: c.Name, Authorizer: authorizationmetrics.InstrumentedAuthorizer(string(c.Type), c.Name, z)})
		rules = append(rules, z)
	}
	if b.all, err = union.New(chain...); err != nil {
		return nil, err
	}
	b.rules = union.NewRuleResolvers(rules...)
	cfg.Authorization.Authorizer, cfg.RuleResolver = b.all, b.rules
	if b.rbac != nil {
		cfg.AddReadyzChecks(healthz.NamedCheck("rbac-synced", func(*http.Request) error {
			if !b.rbac.HasSynced() {
				return errRBACNotSynced
			}
			return nil
		}))
	}
	return b, nil
}

func (b *authorizers) build(c apiserver.AuthorizerConfiguration, flags Authorization, shared informers.SharedInformerFactory, owners node.Owner) (ruled, error) {
	switch c.Type {
	case modeNode:
		return node.New(shared, owners, bootstrap.NodeRules())
	case modeRBAC:
		var err error
		b.rbac, err = rbac.New(shared.Rbac().V1())
		return b.rbac, err
	case modeABAC:
		policies, err := abac.Load(flags.PolicyFile)
		return abac.New(policies), err
	case modeWebhook:
		return newWebhook(c)
	case modeAlwaysAllow:
		return authorizerfactory.NewAlwaysAllowAuthorizer(), nil
	case modeAlwaysDeny:
		return authorizerfactory.NewAlwaysDenyAuthorizer(), nil
	}
	return nil, fmt.Errorf("unknown authorization mode %s specified", c.Type)
}

// newWebhook asks another server.
func newWebhook(c apiserver.AuthorizerConfiguration) (ruled, error) {
	w := c.Webhook
	if w.ConnectionInfo.KubeConfigFile == nil {
		return nil, errors.New("only connectionInfo.type KubeConfigFile is supported")
	}
	config, err := webhookutil.LoadKubeconfig(*w.ConnectionInfo.KubeConfigFile, nil)
	if err != nil {
		return nil, err
	}
	config.Timeout = w.Timeout.Duration
	onError := authorizer.DecisionNoOpinion
	if w.FailurePolicy == apiserver.FailurePolicyDeny {
		onError = authorizer.DecisionDeny
	}
	allowedTTL, deniedTTL := w.AuthorizedTTL.Duration, w.UnauthorizedTTL.Duration
	if !w.CacheAuthorizedRequests {
		allowedTTL = 0
	}
	if !w.CacheUnauthorizedRequests {
		deniedTTL = 0
	}
	return webhook.New(config, w.SubjectAccessReviewVersion, allowedTTL, deniedTTL, *webhook.DefaultRetryBackoff(), onError,
		w.MatchConditions, c.Name, webhookMetrics{WebhookMetrics: webhookmetrics.NewWebhookMetrics()}, authorizationcel.NewDefaultCompiler())
}

type webhookMetrics struct {
	webhookmetrics.NoopRequestMetrics
	webhookmetrics.WebhookMetrics
	authorizationcel.NoopMatcherMetrics
}

// owner reads which node an object names, from the store itself: it may have been made a moment ago.
func (s *stores) owner(ctx context.Context, resource, namespace, name string) (string, error) {
	store := map[string]*lateStore{"resourceslices": &s.resourceSlices, "podcertificaterequests": &s.podCertificates}[resource]
	if store == nil {
		return "", errNotInstalled
	}
	got, err := store.Get(request.WithNamespace(ctx, namespace), name, &metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	switch o := got.(type) {
	case *resourcev1.ResourceSlice:
		if o.Spec.NodeName != nil {
			return *o.Spec.NodeName, nil
		}
	case *certificatesv1.PodCertificateRequest:
		return string(o.Spec.NodeName), nil
	}
	return "", nil
}
