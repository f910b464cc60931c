namespace Fleet.Modeling.Floors;

/// <summary>A simple model, and what it answers the test samples with.</summary>
/// <param name="Name">One of <see cref="Contracts.Builds.FloorReport.Names"/>.</param>
/// <param name="Description">What it is, for people.</param>
/// <param name="Outputs">A row for each sample, as long as a network's.</param>
internal sealed record Floor(string Name, string Description, float[] Outputs);
