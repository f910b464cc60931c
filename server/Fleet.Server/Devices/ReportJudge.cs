using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Server.Certificates;

namespace Fleet.Server.Devices;

/// <summary>
/// Holds what a device reports against the releases and against its own key. A model of which it says what cannot be, or whose receipt
/// does not hold, has failed by a word of the server; the others in the report count as they are.
/// </summary>
internal sealed partial class ReportJudge(IReleaseEnvelopes releases, ILogger<ReportJudge> logger)
{
    /// <summary>The report as it counts.</summary>
    /// <param name="device">Who reports.</param>
    /// <param name="reported">What it says.</param>
    /// <param name="keys">The keys that its receipts may be signed with.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ReportedState> JudgeAsync(
        DeviceId device, ReportedState reported, IReadOnlyList<ReleaseKey> keys, CancellationToken cancellationToken)
    {
        var models = new List<ReportedModel>(reported.Models.Count);
        foreach (var model in reported.Models) models.Add(await JudgeAsync(device, reported, model, keys, cancellationToken));
        return reported with { Models = models };
    }

    private async Task<ReportedModel> JudgeAsync(
        DeviceId device, ReportedState reported, ReportedModel model, IReadOnlyList<ReleaseKey> keys, CancellationToken cancellationToken)
    {
        // What is under way or failed proves nothing and needs no proof.
        if (model.Measured is null && model.Receipt is null && model.Variant is null && !ReportRules.Passed(model)) return model;
        var envelope = await releases.FindAsync(model.Model, model.Version, cancellationToken);
        var manifest = envelope is null
            ? null
            : JsonSerializer.Deserialize(envelope.Payload, FleetJson.Default.ReleaseStatement)!.Predicate;
        if (ReportRules.ProblemOf(reported, model, manifest) is { } impossible)
            return Refused(device, model, DeploymentFailure.ReportImplausible, impossible);
        // A receipt that nobody can check is worth as much as none: it is not kept, and the report stands as unsigned.
        if (keys.Count == 0) return model with { Receipt = null };
        if (model.Receipt is { } receipt)
        {
            return ReceiptVerifier.ProblemOf(
                receipt, keys, device, reported.Revision, model, envelope?.Digest(), DeviceSignature.Holds) is { } forged
                ? Refused(device, model, DeploymentFailure.ReceiptInvalid, forged)
                : model;
        }
        return reported.Protocol >= ProtocolVersion.SignedOrders && envelope is not null && ReportRules.Passed(model)
            ? Refused(device, model, DeploymentFailure.ReceiptInvalid,
                "A device of this protocol signs what it measured; nothing signed came.")
            : model;
    }

    private ReportedModel Refused(DeviceId device, ReportedModel model, DeploymentFailure failure, string reason)
    {
        LogRefused(device, model.Model, model.Version, failure, reason);
        return model with
        {
            Failure = failure,
            Detail = Limits.Detail(reason),
            Measured = null,
            Times = null,
            Receipt = null,
            ActiveVersion = model.ActiveVersion == model.Version ? null : model.ActiveVersion,
            ActiveVariant = model.ActiveVersion == model.Version ? null : model.ActiveVariant,
        };
    }

    [LoggerMessage(LogLevel.Warning, "What device {Device} reports of {Model} {Version} does not count ({Failure}): {Reason}")]
    private partial void LogRefused(DeviceId device, string model, int version, DeploymentFailure failure, string reason);
}
