using System.Security.Cryptography;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Access;

/// <summary>Opens, finds and ends the sessions of people, each held by a cookie.</summary>
internal sealed class Sessions(IFleetStore store, AccessOptions options, TimeProvider time)
{
    /// <summary>The cookie's name.</summary>
    public const string Cookie = "fleet-session";

    /// <summary>The field of a form, and the header, that a change by cookie must carry.</summary>
    public const string CsrfField = "csrf";

    /// <inheritdoc cref="CsrfField"/>
    public const string CsrfHeader = "X-Fleet-Csrf";

    private const int SecretLength = 64;

    /// <summary>Opens a session and sets its cookie.</summary>
    /// <param name="context">The request that signs in.</param>
    /// <param name="caller">Who signs in.</param>
    /// <param name="key">The API key that proved it; null where a provider of identities vouched.</param>
    public async Task OpenAsync(HttpContext context, Caller caller, string? key)
    {
        var now = time.GetUtcNow();
        await ForgetExpiredAsync(now, context.RequestAborted);
        var (id, secret) = (RandomNumberGenerator.GetHexString(16, lowercase: true),
            RandomNumberGenerator.GetHexString(64, lowercase: true));
        var session = new Session(ApiKey.HashOf(secret), now, now + options.SessionLifetime) { Key = key };
        if (key is null) session = session with
        {
            Name = caller.Name,
            Roles = [.. caller.Roles],
            Filter = caller.Devices.ToString(),
            Provider = options.ProviderMark(),
        };
        await store.CommitAsync([StoreChange.Create(id, session)], context.RequestAborted);
        context.Response.Cookies.Append(Cookie, $"{id}.{secret}", CookieOf(context.Request, session.ExpiresAt));
    }

    /// <summary>Ends the session of a request and takes its cookie away.</summary>
    public async Task CloseAsync(HttpContext context)
    {
        if (IdAndSecretOf(context.Request) is var (id, _) && await store.FindAsync<Session>(id, context.RequestAborted) is { } stored)
            await store.CommitAsync([stored.Removal()], context.RequestAborted);
        context.Response.Cookies.Delete(Cookie, CookieOf(context.Request, null));
    }

    /// <summary>Whose session a request carries; null when it carries none that is right.</summary>
    public async Task<(string Id, Caller Caller, string Csrf)?> FindAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (IdAndSecretOf(request) is not var (id, secret)
            || await store.FindAsync<Session>(id, cancellationToken) is not { Document: var session }
            || !session.IsProvedBy(secret) || await CallerOfAsync(session, cancellationToken) is not { } caller)
            return null;
        return (id, caller, Session.CsrfTokenOf(secret));
    }

    /// <summary>Who is signed in, each as often as the person has a session.</summary>
    public async Task<IReadOnlyList<SessionView>> ListAsync(CancellationToken cancellationToken)
    {
        var views = new List<SessionView>();
        await foreach (var (id, _, session) in store.AllAsync<Session>("", cancellationToken))
        {
            if (await CallerOfAsync(session, cancellationToken) is not { } caller) continue;
            views.Add(new SessionView(id, caller.Name, [.. caller.Roles], session.CreatedAt, session.EndsAt(options))
            {
                Filter = caller.Devices.ToString(),
                ApiKey = session.Key,
            });
        }
        return views;
    }

    /// <summary>Ends every session of a person.</summary>
    /// <returns>True when there was one.</returns>
    public async Task<bool> EndAsync(string name, CancellationToken cancellationToken)
    {
        var any = false;
        foreach (var view in (await ListAsync(cancellationToken)).Where(view => view.Name == name))
        {
            any |= await store.RetryAsync(async _ =>
            {
                if (await store.FindAsync<Session>(view.Id, cancellationToken) is not { } stored) return false;
                await store.CommitAsync([stored.Removal()], cancellationToken);
                return true;
            }, cancellationToken);
        }
        return any;
    }

    /// <summary>Whom a session holds; null when it holds nobody any more.</summary>
    private async Task<Caller?> CallerOfAsync(Session session, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (session.IsOver(now, options)) return null;
        if (session.Key is null) return session.ToCaller();
        return await store.FindAsync<ApiKey>(session.Key, cancellationToken) is { Document: var key } && key.WhyNot(now) is null
            ? key.ToCaller()
            : null;
    }

    private static (string Id, string Secret)? IdAndSecretOf(HttpRequest request)
        => request.Cookies[Cookie]?.Split('.') is [{ Length: > 0 and <= 64 } id, { Length: SecretLength } secret] ? (id, secret) : null;

    private static CookieOptions CookieOf(HttpRequest request, DateTimeOffset? expires) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = request.IsHttps,
        Path = "/",
        Expires = expires,
    };

    private async Task ForgetExpiredAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        var expired = await store.AllAsync<Session>("", cancellationToken).Where(session => session.Document.IsOver(now, options))
            .Take(IFleetStore.MaximumPage).ToListAsync(cancellationToken);
        foreach (var session in expired)
        {
            try
            {
                await store.CommitAsync([session.Removal()], cancellationToken);
            }
            catch (VersionConflictException)
            {
                // Another sign-in forgot it at the same time.
            }
        }
    }
}
