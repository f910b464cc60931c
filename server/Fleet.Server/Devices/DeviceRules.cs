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
        if (reported.Revision < 0) return $"revision {reported.Revision} is negative";
        if (reported.Models.Count > Limits.ModelsPerDevice)
            return $"it names {reported.Models.Count} models; a device runs at most {Limits.ModelsPerDevice}";
        if (reported.Models.FirstOrDefault(model => !Names.IsName(model.Model)) is { } unnamed)
            return $"model '{unnamed.Model}' must be {Names.Rule}";
        if (reported.Models.DistinctBy(model => model.Model).Count() != reported.Models.Count) return "it names a model twice";
        if (reported.Models.FirstOrDefault(model => model.Detail.Length > Limits.DetailLength) is { } chatty)
            return $"the detail of {chatty.Model} is longer than {Limits.DetailLength} characters";
        return ProblemsOf(reported.Facts) is [var problem, ..] ? problem : null;
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
