namespace Fleet.Modeling.Students.Layers;

/// <summary>To a logit for each class.</summary>
internal sealed record Classifier(int Classes) : DenseHead(Classes)
{
    /// <inheritdoc/>
    protected override string Output => "logits";
}
