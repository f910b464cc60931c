using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Server.Http;

namespace Fleet.Server.Devices;

/// <summary>What is taken from a device or an operator about a device. Pure.</summary>
internal static class DeviceRules
{
    private const int MaximumFlags = 512;
    private const int MaximumList = 32;
    private const int MostCpus = 65_536;
    private const long MostBytes = 1L << 60;
    private const long LargestRevision = 1L << 53;

    /// <summary>What is wrong with what a device says about itself. It is shown to people and stored, so it has its limits.</summary>
    public static IReadOnlyList<string> ProblemsOf(DeviceFacts facts)
    {
        var problems = new List<string>();
        void Require(bool holds, string problem) { if (!holds) problems.Add(problem); }
        void Text(string key, string? text)
            => Require(text is null or { Length: <= 256 }, $"facts.{key} has {text?.Length} characters; at most 256 are accepted.");
        void List(string key, IReadOnlyList<string> list, int most)
            => Require(list.Count <= most && list.All(item => item is { Length: <= Limits.NameLength }), $"facts.{key} may hold at most "
                + $"{most} names of at most {Limits.NameLength} characters.");

        Require(Names.IsName(facts.Architecture), $"facts.architecture '{facts.Architecture}' must be {Names.Rule}.");
        Require(facts.DeclaredProfile is null || Names.IsName(facts.DeclaredProfile), $"facts.declaredProfile '{facts.DeclaredProfile}' "
            + $"must be {Names.Rule}.");
        Text("processor", facts.Processor);
        Text("operatingSystem", facts.OperatingSystem);
        Text("agentVersion", facts.AgentVersion);
        Require(facts.LogicalCpus is >= 0 and <= MostCpus, $"facts.logicalCpus {facts.LogicalCpus} is beyond 0..{MostCpus}.");
        Require(facts.MemoryBytes is >= 0 and <= MostBytes, $"facts.memoryBytes {facts.MemoryBytes} is beyond 0..{MostBytes}.");
        List("isaFlags", facts.IsaFlags, MaximumFlags);
        List("accelerators", facts.Accelerators, MaximumList);
        List("executionProviders", facts.ExecutionProviders, MaximumList);
        return problems;
    }

    /// <summary>What is wrong with a report; null when it can be taken.</summary>
    public static string? ProblemOf(ReportedState reported)
    {
        if (!ProtocolVersion.Serves(reported.Protocol))
            return $"it speaks protocol {reported.Protocol}; {ProtocolVersion.Oldest} to {ProtocolVersion.Current} are served";
        if (reported.Revision is < 0 or > LargestRevision)
            return $"revision {reported.Revision} is beyond 0..{LargestRevision}";
        if (reported.Models.Count > Limits.ModelsPerDevice)
            return $"it names {reported.Models.Count} models; a device runs at most {Limits.ModelsPerDevice}";
        if (reported.Models.FirstOrDefault(model => !Names.IsName(model.Model)) is { } unnamed)
            return $"model '{unnamed.Model}' must be {Names.Rule}";
        if (reported.Models.DistinctBy(model => model.Model).Count() != reported.Models.Count) return "it names a model twice";
        if (reported.Timings is { Count: > Limits.TimingsPerOrder } timings)
            return $"it tells of {timings.Count} timed files; an order names at most {Limits.TimingsPerOrder}";
        if (reported.Timings?.FirstOrDefault(timing => timing.Problem?.Length > Limits.DetailLength) is { } wordy)
            return $"what it says of timed file {Limits.Detail(wordy.Sha256, Limits.NameLength)} is longer than {Limits.DetailLength} "
                + "characters";
        return reported.Models.Select(ProblemOf).FirstOrDefault(problem => problem is not null)
            ?? (ProblemsOf(reported.Facts) is [var first, ..] ? first : null);
    }

    private static string? ProblemOf(ReportedModel model)
    {
        if (model.Detail.Length > Limits.DetailLength)
            return $"the detail of {model.Model} is longer than {Limits.DetailLength} characters";
        int?[] versions = [model.Version, model.ActiveVersion, model.PreviousVersion];
        if (versions.FirstOrDefault(version => version < 1) is { } version) return $"version {version} of {model.Model} is below 1";
        string?[] variants = [model.Variant, model.ActiveVariant];
        if (variants.FirstOrDefault(variant => variant is not null && !Names.IsName(variant)) is { } variant)
            return $"variant '{variant}' of {model.Model} must be {Names.Rule}";
        if (model.Times is { Count: > Limits.VariantTimes } times)
            return $"it tells the times of {times.Count} variants of {model.Model}; at most {Limits.VariantTimes} are accepted";
        if (model.Times?.FirstOrDefault(time => !Names.IsName(time.Variant)) is { } odd)
            return $"variant '{odd.Variant}' of {model.Model} must be {Names.Rule}";
        return model.DownloadedBytes is < 0 or > MostBytes
            ? $"{model.DownloadedBytes} bytes of {model.Model} fetched are beyond 0..{MostBytes}"
            : null;
    }

    /// <summary>What is wrong with labels an operator gives.</summary>
    public static IReadOnlyList<string> ProblemsOf(IReadOnlyDictionary<string, string>? labels)
    {
        var problems = new List<string>();
        if (labels is null) return problems;
        if (labels.Count > Limits.LabelsPerDevice)
            problems.Add($"{labels.Count} labels are too many: a device carries at most {Limits.LabelsPerDevice}.");
        problems.AddRange(labels.Where(label => !Names.IsName(label.Key)).Select(label => $"Label '{label.Key}' must be {Names.Rule}."));
        // A value that holds a comma could not be named in a filter.
        problems.AddRange(
            labels.Where(
                label => label.Value is not { Length: > 0 and <= Limits.NameLength } || label.Value.Contains(',', StringComparison.Ordinal))
            .Select(label => $"The value of label '{label.Key}' must have 1 to {Limits.NameLength} characters and no comma."));
        return problems;
    }

    /// <summary>Why <paramref name="caller"/> may not let devices join with these labels; null when they would be among its own.</summary>
    public static string? WhyNot(Caller caller, IReadOnlyDictionary<string, string>? labels)
        => caller.Devices.Terms.All(
            term => term.Key.StartsWith("label.", StringComparison.Ordinal)
                && labels?.GetValueOrDefault(term.Key["label.".Length..]) == term.Value)
            ? null
            : $"'{caller.Name}' may let devices of '{caller.Devices}' join alone, by the labels of their join token.";

    /// <summary>Labels with changes applied: null removes.</summary>
    public static IReadOnlyDictionary<string, string> Apply(
        IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string?> changes)
    {
        var changed = new SortedDictionary<string, string>(labels.ToDictionary(), StringComparer.Ordinal);
        foreach (var (key, value) in changes)
        {
            if (value is null) changed.Remove(key);
            else changed[key] = value;
        }
        return changed;
    }
}
