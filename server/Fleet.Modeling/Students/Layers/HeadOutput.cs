namespace Fleet.Modeling.Students.Layers;

/// <summary>One output of an exported network.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its extents for one sample.</param>
internal sealed record HeadOutput(string Name, IReadOnlyList<int> Shape);
