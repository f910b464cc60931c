using System.Security.Claims;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>The calls about a device's identity: those of operators, and the device's own.</summary>
internal static class DeviceLifeEndpoints
{
    private static readonly TimeSpan LongestReturn = TimeSpan.FromDays(30);

    /// <summary>Maps <c>/api/v1/devices/{id}/revoke</c> and its kin, and <c>/api/v1/enrollments</c>.</summary>
    public static void MapDeviceLife(this IEndpointRouteBuilder operators)
    {
        var device = operators.MapGroup("/api/v1/devices/{id}").AddEndpointFilter(RefuseUnseenAsync).ForOperators();
        device.MapPost("/revoke", (string id, string? serial, DeviceLife life, DeviceViews views, CancellationToken cancellationToken)
            => RevokeAsync(id, serial, revoked: true, life, views, cancellationToken))
            .Tells<DeviceView>("RevokeDevice", "Revokes a device, or one of its certificates.");
        device.MapPost("/unrevoke", (string id, string? serial, DeviceLife life, DeviceViews views, CancellationToken cancellationToken)
            => RevokeAsync(id, serial, revoked: false, life, views, cancellationToken))
            .Tells<DeviceView>("UnrevokeDevice", "Takes a revocation back.");
        device.MapPost("/acknowledge", async (string id, DeviceLife life, DeviceViews views, CancellationToken cancellationToken)
            => await ViewAsync(id, await life.AcknowledgeAsync(id, cancellationToken), views, cancellationToken))
            .Tells<DeviceView>("AcknowledgeDevice", "Ends the alarms of a device.");
        device.MapDelete("/", async (string id, DeviceLife life, CancellationToken cancellationToken)
            => await life.DecommissionAsync(id, cancellationToken) ? Results.NoContent() : Unknown(id))
            .TellsNothing("DecommissionDevice", "Removes a device for good.");

        operators.MapPost("/api/v1/devices/{id}/reenroll", LetBackAsync).ForOperators().Takes<ReenrollRequest>().Tells<CreateTokenResponse>(
            "ReenrollDevice", "Lets a device come back with a new key, once.", StatusCodes.Status201Created);

        var enrollments = operators.MapGroup("/api/v1/enrollments");
        enrollments.MapGet("/", async (
            [AsParameters] PageQuery page, HttpContext context, Caller caller, Approvals approvals, CancellationToken cancellationToken)
            => Paging.PageOf(
                context, page, await approvals.ListAsync(caller.Devices, cancellationToken), view => view.Id.Value,
                FleetJson.Default.IReadOnlyListPendingDeviceView))
                    .ForViewers().Tells<IReadOnlyList<PendingDeviceView>>("ListPendingDevices", "Lists devices that wait for approval.");
        enrollments.MapPost("/{id}/approve", async (string id, Caller caller, Approvals approvals, CancellationToken cancellationToken)
            => (await approvals.ApproveAsync(caller.Devices, id, cancellationToken)).ToResult(FleetJson.Default.PendingDeviceView))
            .ForOperators().Tells<PendingDeviceView>("ApproveDevice", "Lets a device in that waits.");
        enrollments.MapPost("/{id}/reject", async (string id, Caller caller, Approvals approvals, CancellationToken cancellationToken)
            => (await approvals.RejectAsync(caller.Devices, id, cancellationToken)).ToResult(FleetJson.Default.PendingDeviceView))
            .ForOperators().Tells<PendingDeviceView>("RejectDevice", "Turns a device away that waits.");
    }

    /// <summary>Maps <c>/renew</c> and <c>/self</c>; the caller has made sure that it is a device whose certificate is accepted.</summary>
    public static void MapDeviceIdentity(this IEndpointRouteBuilder devices)
    {
        devices.MapPost("/renew", RenewAsync);
        devices.MapGet(
            "/self", async (HttpContext context, ClaimsPrincipal user, ListenAddresses addresses, TimeProvider time) =>
        {
            var certificate = await context.Connection.GetClientCertificateAsync(context.RequestAborted);
            var self = new SelfResponse(
                CertificateAuthentication.DeviceOf(user), certificate!.SerialNumber, addresses.Mqtt, time.GetUtcNow());
            return Results.Json(self, FleetJson.Default.SelfResponse);
        });
    }

    /// <summary>A device that the caller does not see is answered like one that is not there.</summary>
    private static async ValueTask<object?> RefuseUnseenAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var id = (string?)http.GetRouteValue("id") ?? "";
        var store = http.RequestServices.GetRequiredService<IFleetStore>();
        return await store.DeviceAsync(Caller.Of(http.User), id, http.RequestAborted) is null ? Unknown(id) : await next(context);
    }

    private static async Task<IResult> RenewAsync(
        HttpContext context, ClaimsPrincipal user, Renewal renewal, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(
            context.Request, FleetJson.Default.RenewRequest, cancellationToken, Limits.EnrollmentBytes);
        if (sent.Value is null) return sent.Problem!.ToResult();
        if (!SigningRequest.TryRead(sent.Value.CertificateSigningRequest, out var request, out var problem))
            return Enroller.RefusedRequest(problem).ToResult();
        var certificate = await context.Connection.GetClientCertificateAsync(cancellationToken);
        var answer = await renewal.RenewAsync(CertificateAuthentication.DeviceOf(user), certificate!, request, cancellationToken);
        return answer.ToResult(FleetJson.Default.EnrollResponse);
    }

    /// <summary>The whole device, or one of its certificates.</summary>
    private static async Task<IResult> RevokeAsync(
        string id, string? serial, bool revoked, DeviceLife life, DeviceViews views, CancellationToken cancellationToken)
    {
        if (serial is null)
            return await ViewAsync(
                id, revoked ? await life.RevokeAsync(id, cancellationToken) : await life.UnrevokeAsync(id, cancellationToken), views,
                cancellationToken);
        // People copy serials from tools that write them in their own way.
        var plain = serial.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant();
        if (plain.Length is 0 or > 40 || !plain.All(char.IsAsciiHexDigit))
            return Refusal.Invalid($"serial '{serial}' must be 1 to 40 hexadecimal digits.").ToResult();
        return await ViewAsync(id, await life.RevokeAsync(id, plain, revoked, cancellationToken), views, cancellationToken);
    }

    private static async Task<IResult> LetBackAsync(
        string id, HttpRequest request, Caller caller, IFleetStore store, DeviceLife life, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.ReenrollRequest, cancellationToken);
        if (sent.Value is not { ValidFor: var validFor }) return sent.Problem!.ToResult();
        if (validFor <= TimeSpan.Zero || validFor > LongestReturn)
            return Refusal.Invalid($"validFor {validFor} must be above zero and at most {LongestReturn.Days} days.").ToResult();
        if (await store.DeviceAsync(caller, id, cancellationToken) is null) return Unknown(id);
        return (await life.LetBackAsync(id, validFor, cancellationToken))
            .ToResult(FleetJson.Default.CreateTokenResponse, StatusCodes.Status201Created);
    }

    private static async Task<IResult> ViewAsync(string id, Device? device, DeviceViews views, CancellationToken cancellationToken)
        => device is null ? Unknown(id) : Results.Json(await views.OfAsync(device, cancellationToken), FleetJson.Default.DeviceView);

    private static IResult Unknown(string id) => Refusal.Unknown($"There is no device '{id}'.").ToResult();
}
