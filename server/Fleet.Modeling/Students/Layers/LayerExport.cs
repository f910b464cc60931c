namespace Fleet.Modeling.Students.Layers;

/// <summary>A layer at its place in the graph.</summary>
/// <param name="Folded">Its numbers.</param>
/// <param name="Shape">Shape of one sample before it.</param>
/// <param name="Number">Its number from 1, behind every name it gives.</param>
/// <param name="Input">Name of the value that comes in.</param>
internal sealed record LayerExport(FoldedLayer Folded, IReadOnlyList<int> Shape, string Number, string Input);
