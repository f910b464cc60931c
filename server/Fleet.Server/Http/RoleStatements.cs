namespace Fleet.Server.Http;

/// <summary>What an endpoint says about who may call it.</summary>
/// <param name="Role">One of <see cref="Roles"/>, or <see cref="Everybody"/>.</param>
internal sealed record RoleStatement(string Role)
{
    /// <summary>Nobody is asked who they are.</summary>
    public const string Everybody = "everybody";
}

/// <summary>
/// How endpoints say it. Every endpoint does: a test walks all of them, and one that says nothing is for admins alone.
/// </summary>
internal static class RoleStatements
{
    /// <summary>Whoever reads: viewers, operators, approvers, admins.</summary>
    public static T ForViewers<T>(this T endpoints) where T : IEndpointConventionBuilder => endpoints.For(Roles.Viewer);

    /// <summary>Whoever changes: operators and admins.</summary>
    public static T ForOperators<T>(this T endpoints) where T : IEndpointConventionBuilder => endpoints.For(Roles.Operator);

    /// <summary>Whoever approves what others have started: approvers and admins.</summary>
    public static T ForApprovers<T>(this T endpoints) where T : IEndpointConventionBuilder => endpoints.For(Roles.Approver);

    /// <summary>Admins alone.</summary>
    public static T ForAdmins<T>(this T endpoints) where T : IEndpointConventionBuilder => endpoints.For(Roles.Admin);

    /// <summary>Build workers, and admins.</summary>
    public static T ForWorkers<T>(this T endpoints) where T : IEndpointConventionBuilder => endpoints.For(Roles.Worker);

    /// <summary>Devices, by their certificates.</summary>
    public static T ForDevices<T>(this T endpoints) where T : IEndpointConventionBuilder => endpoints.For(Roles.Device);

    /// <summary>Everybody: what it tells is public, or it judges its caller itself.</summary>
    public static T ForEverybody<T>(this T endpoints) where T : IEndpointConventionBuilder
        => endpoints.WithMetadata(new RoleStatement(RoleStatement.Everybody));

    /// <summary>Closes what says nothing to everybody but admins.</summary>
    public static RouteGroupBuilder ForAdminsUnlessStated(this RouteGroupBuilder endpoints)
    {
        ((IEndpointConventionBuilder)endpoints).Finally(endpoint =>
        {
            if (!endpoint.Metadata.OfType<RoleStatement>().Any())
                endpoint.Metadata.Add(new Microsoft.AspNetCore.Authorization.AuthorizeAttribute(Roles.Admin));
        });
        return endpoints;
    }

    private static T For<T>(this T endpoints, string role) where T : IEndpointConventionBuilder
        => endpoints.WithMetadata(new RoleStatement(role)).RequireAuthorization(role);
}
