using Fleet.Server.Access;
using Fleet.Server.Events;
using Fleet.Server.Http;

namespace Fleet.Server.Dashboard;

/// <summary>Who looks at the page that is being rendered.</summary>
internal sealed class PageViewer(ChangeFeed feed)
{
    /// <summary>The person; null where nobody is signed in.</summary>
    public Caller? Caller { get; private set; }

    /// <summary>What a form of the page must send back; null where no session holds the person.</summary>
    public string? Csrf { get; private set; }

    /// <summary>From when on what changes is not on the page: taken before the page reads anything.</summary>
    public string Moment { get; } = feed.Moment;

    /// <summary>True for admins.</summary>
    public bool IsAdmin => Caller?.Roles.Contains(Roles.Admin) == true;

    /// <summary>Looks who it is.</summary>
    public void Set(HttpContext context)
    {
        if (context.User.Identity?.IsAuthenticated != true || context.User.IsInRole(Roles.Device)) return;
        Caller = Http.Caller.Of(context.User);
        Csrf = context.User.FindFirst(SessionAuthentication.CsrfClaim)?.Value;
    }
}
