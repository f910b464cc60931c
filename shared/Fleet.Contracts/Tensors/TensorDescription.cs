namespace Fleet.Contracts.Tensors;

/// <summary>A tensor as the Open Inference Protocol describes it.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="Datatype">Open Inference Protocol type: <c>FP32</c>, <c>INT64</c>, ….</param>
/// <param name="Shape">Extents; -1 where any is taken. The first is the batch.</param>
public sealed record TensorDescription(string Name, string Datatype, IReadOnlyList<long> Shape);
