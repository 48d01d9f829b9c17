package authentication

import (
	"context"
	"fmt"
	"os"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	tokencache "k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/options"
	webhookutil "k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/webhook"
)

// Tokens are the authenticators of what the API server issues itself.
type Tokens struct {
	// ServiceAccounts check audiences themselves.
	ServiceAccounts []authenticator.Token
	// Bootstrap checks bootstrap tokens; used if Options.BootstrapTokens.
	Bootstrap authenticator.Token
}

// Chain is how requests are authenticated.
type Chain struct {
	authenticator.Request
	// ClientCA are the certificate authorities of clients, those of front proxies apart. May be nil.
	ClientCA dynamiccertificates.CAContentProvider
	// RequestHeader is what front proxies are known by, nil if there are none.
	RequestHeader *authenticatorfactory.RequestHeaderConfig
}

// New builds the chain, in upstream's order: front proxies, client certificates, bearer tokens (of the
// file, of ServiceAccounts, bootstrap tokens, JWTs of others, the webhook), the same as a WebSocket
// protocol, anonymous. A credential that is wrong is refused, not taken for none. What works in the
// background stops when ctx ends.
func New(ctx context.Context, o *Options, own Tokens) (*Chain, error) {
	c := &Chain{}
	var requests []authenticator.Request
	var err error
	if c.RequestHeader, err = o.RequestHeader.ToAuthenticationRequestHeaderConfig(); err != nil {
		return nil, fmt.Errorf("--requestheader-client-ca-file: %w", err)
	}
	if h := c.RequestHeader; h != nil {
		requests = append(requests, headerrequest.NewDynamicVerifyOptionsSecure(h.CAContentProvider.VerifyOptions,
			h.AllowedClientNames, h.UsernameHeaders, h.UIDHeaders, h.GroupHeaders, h.ExtraHeaderPrefixes))
	}
	if o.ClientCAFile != "" {
		if c.ClientCA, err = dynamiccertificates.NewDynamicCAContentFromFile("client-ca-bundle", o.ClientCAFile); err != nil {
			return nil, fmt.Errorf("--client-ca-file: %w", err)
		}
		requests = append(requests, x509.NewDynamic(c.ClientCA.VerifyOptions, x509.CommonNameUserConversion))
	}
	config, token, err := o.tokens(ctx, own)
	if err != nil {
		return nil, err
	}
	requests = append(requests, bearertoken.New(token), websocket.NewProtocolAuthenticator(token))
	c.Request = group.NewAuthenticatedGroupAdder(union.New(requests...))
	if config.Enabled {
		c.Request = union.NewFailOnError(c.Request, anonymous.NewAuthenticator(config.Conditions))
	}
	return c, nil
}

// tokens is the authenticator of bearer tokens, and what the configuration says about anonymous requests.
func (o *Options) tokens(ctx context.Context, own Tokens) (anonymous apiserver.AnonymousAuthConfig, token authenticator.Token, err error) {
	audiences := authenticator.Audiences(o.Audiences())
	agnostic := func(t authenticator.Token) authenticator.Token {
		return authenticator.WrapAudienceAgnosticToken(audiences, t)
	}
	var all []authenticator.Token
	if o.TokenAuthFile != "" {
		static, err := tokenfile.NewCSV(o.TokenAuthFile)
		if err != nil {
			return anonymous, nil, fmt.Errorf("--token-auth-file: %w", err)
		}
		all = append(all, agnostic(static))
	}
	all = append(all, own.ServiceAccounts...)
	if o.BootstrapTokens {
		all = append(all, agnostic(own.Bootstrap))
	}
	anonymous, jwt, err := o.jwt(ctx)
	if err != nil {
		return anonymous, nil, err
	}
	if jwt != nil {
		all = append(all, agnostic(jwt))
	}
	if o.Webhook.ConfigFile != "" {
		asked, err := o.Webhook.token(audiences)
		if err != nil {
			return anonymous, nil, fmt.Errorf("--authentication-token-webhook-config-file: %w", err)
		}
		all = append(all, asked)
	}
	token = tokenunion.New(all...)
	if o.TokenSuccessCacheTTL > 0 || o.TokenFailureCacheTTL > 0 {
		token = tokencache.New(token, true, o.TokenSuccessCacheTTL, o.TokenFailureCacheTTL)
	}
	return anonymous, token, nil
}

// jwt is the authenticator of others' JWTs, nil if no flag asks for one.
func (o *Options) jwt(ctx context.Context) (anonymous apiserver.AnonymousAuthConfig, token authenticator.Token, err error) {
	anonymous.Enabled = o.Anonymous
	var config *apiserver.AuthenticationConfiguration
	var data []byte
	switch {
	case o.ConfigFile != "":
		if data, err = os.ReadFile(o.ConfigFile); err == nil {
			config, err = loadConfiguration(data)
		}
		if err != nil {
			return anonymous, nil, fmt.Errorf("--authentication-config: %w", err)
		}
		if config.Anonymous != nil {
			if o.anonymousSet != nil && o.anonymousSet() {
				return anonymous, nil, fmt.Errorf("--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file")
			}
			anonymous = *config.Anonymous
		}
	case o.OIDC.used():
		if config, err = o.OIDC.configuration(); err != nil {
			return anonymous, nil, err
		}
	default:
		return anonymous, nil, nil
	}
	j := &jwtTokens{compiler: authenticationcel.NewDefaultCompiler(), disallowed: o.ServiceAccounts.Issuers, algorithms: oidcAlgorithms(o)}
	first, err := j.build(ctx, config)
	if err != nil {
		return anonymous, nil, err
	}
	j.current.Store(first)
	if o.ConfigFile != "" {
		go j.follow(ctx, o.ConfigFile, data)
	}
	return anonymous, j, nil
}

func (w *Webhook) token(audiences authenticator.Audiences) (authenticator.Token, error) {
	config, err := webhookutil.LoadKubeconfig(w.ConfigFile, nil)
	if err != nil {
		return nil, err
	}
	asked, err := webhook.New(config, w.Version, audiences, *options.DefaultAuthWebhookRetryBackoff())
	if err != nil {
		return nil, err
	}
	return tokencache.New(asked, false, w.CacheTTL, w.CacheTTL), nil
}
