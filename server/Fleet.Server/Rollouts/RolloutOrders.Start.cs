using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The order that starts a rollout.</summary>
internal sealed partial class RolloutOrders
{
    /// <summary>Starts a rollout: freezes plan and members and tells the first devices, in one commit.</summary>
    /// <param name="plan">What is asked.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Answer<Rollout>> StartAsync(RolloutPlan plan, string caller, CancellationToken cancellationToken)
    {
        if (options.RolloutsNeedApproval) plan = plan with { RequiresApproval = true };
        if (Read(plan, out var filter) is { } problem) return problem;
        var open = plan.Supersede ? await OpenOfAsync(store, plan, cancellationToken) : [];
        // Only for a plan that can take their place.
        if (open.Count > 0 && (await DraftAsync(plan, filter, time.GetUtcNow(), cancellationToken)).Problem is { } broken) return broken;
        foreach (var superseded in open)
            if ((await AbortAsync(superseded.Rollout, cancellationToken)).Problem is { } refused) return refused;
        return await store.RetryAsync(_ => TryStartAsync(plan, filter, caller, cancellationToken), cancellationToken);
    }

    /// <summary>Lets a rollout that waits for it begin. Whoever started it cannot approve it.</summary>
    public Task<Answer<Rollout>> ApproveAsync(string id, string caller, CancellationToken cancellationToken)
        => ChangeAsync(id, "approved", (rollout, now) => Task.FromResult(rollout.Status switch
        {
            RolloutStatus.AwaitingApproval when rollout.StartedBy != caller
                => rollout.WithOpen(rollout.Open with { OpenedAt = now }) with
                {
                    Status = RolloutStatus.Running,
                    Reason = "",
                    ApprovedBy = caller,
                    ResumedAt = now,
                },
            RolloutStatus.Running when rollout.ApprovedBy == caller => rollout,
            _ => null,
        }), cancellationToken);

    /// <summary>What a plan would do now: who would be told what and when, who not and why. Nothing is changed.</summary>
    public async Task<Answer<RolloutPreview>> PreviewAsync(RolloutPlan plan, CancellationToken cancellationToken)
    {
        if (Read(plan, out var filter) is { } problem) return problem;
        var draft = await DraftAsync(plan, filter, time.GetUtcNow(), cancellationToken);
        return draft.Value is { } start ? await PreviewOfAsync(start, cancellationToken) : draft.Problem!;
    }

    /// <summary>Rollouts that are open for models of a plan. One of several models is superseded as a whole, whichever it shares.</summary>
    public static async Task<IReadOnlyList<(string Model, string Rollout)>> OpenOfAsync(
        IFleetStore store, RolloutPlan plan, CancellationToken cancellationToken)
    {
        var open = new List<(string Model, string Rollout)>();
        foreach (var (model, _) in plan.Moved())
        {
            if (await store.FindAsync<OpenRollout>(model, cancellationToken) is { Document.Rollout: var rollout }
                && open.TrueForAll(each => each.Rollout != rollout)) open.Add((model, rollout));
        }
        return open;
    }

    private static ApiProblem? Read(RolloutPlan plan, out DeviceFilter filter)
    {
        IReadOnlyList<string> problems = plan.Waves.Any(wave => wave is null) ? ["waves: none may be null."] : plan.Problems();
        filter = DeviceFilter.TryParse(plan.Filter, out var parsed, out _) ? parsed : DeviceFilter.All;
        return problems.Count == 0 ? null : Refusal.Invalid("The rollout plan breaks rules.", problems);
    }

    private async Task<Answer<Rollout>> TryStartAsync(
        RolloutPlan plan, DeviceFilter filter, string caller, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await OpenOfAsync(store, plan, cancellationToken) is [var (model, open), ..])
            return Refusal.Conflict(
                $"Rollout {open} of model {model} is still open: abort it or roll it back first, or start with --supersede.");
        var draft = await DraftAsync(plan, filter, now, cancellationToken);
        if (draft.Value is not { } start) return draft.Problem!;

        var rollout = start.Rollout with { StartedBy = caller };
        if (plan.RequiresApproval) rollout = rollout with
        {
            Status = RolloutStatus.AwaitingApproval,
            Reason = $"Started by '{caller}'; a second person must approve it.",
        };
        RolloutMembers[] members = [.. start.Members.Take(rollout.Members).Chunk(RolloutMembers.Size)
            .Select(part => new RolloutMembers(part))];
        using var turn = await opening.TurnAsync(cancellationToken);
        var first = members.Length == 0 || plan.RequiresApproval
            ? new WavePart(rollout, [], [])
            : await opening.NextAsync(rollout, members[0], start.Targets, now, cancellationToken);
        await store.CommitAsync(
        [
            StoreChange.Create(rollout.Id, first.Rollout),
            .. plan.Moved().Select(release => StoreChange.Create(release.Model, new OpenRollout(rollout.Id))),
            .. start.TargetChanges,
            .. members.Select((part, number) => StoreChange.Create(RolloutMembers.IdOf(rollout.Id, number), part)),
            .. first.Changes,
        ], cancellationToken);
        LogStarted(rollout.Id, plan.ReleasesInWords(), rollout.Members, rollout.Waves.Count);
        foreach (var device in first.Told) notices.Notify(device);
        wake.Set();
        return first.Rollout;
    }

    /// <summary>A rollout as it would begin.</summary>
    private async Task<Answer<RolloutDraft>> DraftAsync(
        RolloutPlan plan, DeviceFilter filter, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var manifests = new List<ReleaseManifest>();
        foreach (var planned in plan.Moved())
        {
            var release = (await store.FindAsync<Release>(Release.IdOf(planned.Model, planned.Version), cancellationToken))?.Document;
            if (ProblemOf(planned, release, now) is { } problem) return problem;
            manifests.Add(release!.ReadManifest());
        }
        var decided = await times.NextAsync(cancellationToken);
        var id = NewId.At(decided);
        var begun = await targets.BeginAsync(plan, Target.CanonicalFilter(filter), id, now, cancellationToken);
        var rollout = new Rollout
        {
            Id = id,
            Plan = plan,
            Waves = [],
            CreatedAt = now,
            DecidedAt = decided,
            Targets = [.. begun.Select(each => new MovedTarget(each.Target.Model, each.Target.Name, each.Target.Release))],
        };
        var known = await store.TargetsAsync(cancellationToken);
        known = [.. known, .. begun.Select(each => each.Target).ExceptBy(known.Select(each => each.Name), each => each.Name)];
        var devices = await DevicesAsync(filter, cancellationToken);
        var selection = await SelectAsync(rollout, manifests, devices, known, cancellationToken);
        if (selection.Members.Count == 0) return Nobody(plan, selection);

        var byId = devices.ToDictionary(each => each.Device.Id, each => each.Device);
        var budget = plan.MaximumUnavailable;
        string GroupOf(DeviceId device) => UnavailableBudget.GroupOf(byId[device], budget!.Label);
        var order = budget is null ? selection.Members : WaveMembership.Spread(selection.Members, GroupOf);
        var (members, ends) = WaveMembership.Arrange(
            plan.Waves, order, (wave, device) => DeviceFilter.TryParse(wave.Filter, out var part, out _)
                && byId[device].IsSelectedBy(part));
        rollout = rollout with
        {
            Excluded = selection.Excluded,
            Waves = [.. ends.Select((end, i) => new Wave(i + 1, i == 0 ? 0 : ends[i - 1], end) { OpenedAt = i == 0 ? now : null })],
            IsWhole = ends[^1] == members.Count,
        };
        var draft = new RolloutDraft(rollout, members, [.. begun.Select(each => each.Change)], known)
        {
            Bytes = members.ToDictionary(device => device, device => ReleaseLimits.BytesOf(manifests, byId[device].Facts)),
        };
        return plan.MaximumBytes < draft.TotalBytes
            ? Refusal.Conflict($"Devices would fetch up to {draft.TotalBytes:N0} bytes together; the plan allows {plan.MaximumBytes:N0}.")
            : draft;
    }

    private static ApiProblem? ProblemOf(PlannedRelease planned, Release? release, DateTimeOffset now) => release switch
    {
        null => Refusal.Unknown($"There is no release {planned}."),
        { WithdrawnAt: { } withdrawn } => Refusal.Conflict($"Release {planned} was withdrawn at {withdrawn:u}. Release the build again."),
        _ when release.ExpiresAt <= now => Refusal.Conflict(
            $"Release {planned} expired at {release.ExpiresAt:u}: no device would take it. Release the build again."),
        _ => null,
    };

    private async Task<RolloutPreview> PreviewOfAsync(RolloutDraft draft, CancellationToken cancellationToken)
    {
        var (devices, moved) = (new List<RolloutPreviewDevice>(), draft.Rollout.Plan.Moved());
        foreach (var (position, device) in draft.Members.Index())
        {
            var reported = (await store.FindAsync<DeviceReported>(device.Value, cancellationToken))?.Document.State.Models ?? [];
            PlannedRelease[] serves =
            [
                .. moved.SelectMany(each => reported.Where(model => model.Model == each.Model && model.ActiveVersion is not null)
                    .Select(model => new PlannedRelease(model.Model, model.ActiveVersion!.Value))),
            ];
            devices.Add(new RolloutPreviewDevice(
                device, draft.Rollout.Waves.FirstOrDefault(wave => position < wave.End)?.Number ?? 0, draft.Bytes[device],
                moved.Count == 1 ? serves.FirstOrDefault()?.Version : null)
            {
                ServesNow = serves,
            });
        }
        return new RolloutPreview
        {
            Target = draft.Rollout.Targets[0].Target,
            Before = draft.Rollout.Targets[0].Before?.Version,
            Targets = [.. draft.Rollout.Targets.Zip(moved, (target, release) => new RolloutPreviewTarget(
                target.Target, release.Model, release.Version, target.Before?.Version))],
            Devices = devices,
            Excluded = draft.Rollout.Excluded,
            Bytes = draft.TotalBytes,
        };
    }

    private static ApiProblem Nobody(RolloutPlan plan, RolloutSelection selection)
    {
        var which = plan.Filter.Length == 0 ? "device" : $"device that filter '{plan.Filter}' selects";
        return Refusal.Conflict(
            selection.Excluded.Count == 0
                ? $"There is no {which}, so that there is nothing to roll release {plan.ReleasesInWords()} out to."
                : $"No {which} could be served release {plan.ReleasesInWords()}.",
            [.. selection.Excluded.Select(excluded => $"{excluded.Devices} left out: {excluded.Reason}")]);
    }

    private async Task<IReadOnlyList<Candidate>> DevicesAsync(DeviceFilter filter, CancellationToken cancellationToken)
    {
        var candidates = new List<Candidate>();
        await foreach (var device in store.DevicesAsync(filter, null, cancellationToken))
            candidates.Add(await store.CandidateAsync(device.Document, cancellationToken));
        return candidates;
    }

    /// <summary>Members in order, and who is left out and why.</summary>
    private async Task<RolloutSelection> SelectAsync(
        Rollout rollout, IReadOnlyList<ReleaseManifest> manifests, IReadOnlyList<Candidate> candidates, IReadOnlyList<Target> known,
        CancellationToken cancellationToken)
    {
        var pins = new Dictionary<DeviceId, IReadOnlyList<Pin>>();
        foreach (var candidate in candidates)
        {
            var own = await store.PinsAsync(candidate.Device.Id, manifests.Select(manifest => manifest.Model), cancellationToken);
            if (own.Count > 0) pins[candidate.Device.Id] = own;
        }
        var moved = RolloutTargets.AsMoved(rollout, known);
        return RolloutSelection.Of(manifests, candidates, candidate => RolloutTargets.ReasonAgainst(
            rollout, candidate.Device, candidate.Desired, pins.GetValueOrDefault(candidate.Device.Id) ?? [], moved)
            ?? RolloutTargets.LimitsOf(rollout.Plan)?.ReasonAgainst(manifests, candidate));
    }

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} of {Releases} starts: {Devices} devices in {Waves} waves")]
    private partial void LogStarted(string rollout, string releases, int devices, int waves);
}
