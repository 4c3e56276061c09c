/* SPDX-License-Identifier: Apache-2.0 */
/* Which elements stand in which, in what order and how often: UBL 2.1, for orders and what belongs
 * to them. A type that is not here is not looked into. */
#include "flex/ubl_private.h"

#include <string.h>

#include "core/ban.h"

const struct ubl_type ubl_types[] = {
    { "RequestForQuotation",
      "^UBLExtensions? -UBLVersionID? -CustomizationID? -ProfileID? -ProfileExecutionID? "
      "-ID? -CopyIndicator? -UUID? -IssueDate -IssueTime -SubmissionDueDate? -Note* "
      "-PricingCurrencyCode? -LineCountNumeric? RequestedValidityPeriod?=Period "
      "CatalogueDocumentReference?=DocumentReference "
      "AdditionalDocumentReference*=DocumentReference Signature*= "
      "OriginatorCustomerParty?=CustomerParty SellerSupplierParty=SupplierParty "
      "BuyerCustomerParty?=CustomerParty Delivery* DeliveryTerms* "
      "DestinationCountry?=Country Contract* RequestForQuotationLine+" },
    { "Quotation",
      "^UBLExtensions? -UBLVersionID? -CustomizationID? -ProfileID? -ProfileExecutionID? "
      "-ID? -CopyIndicator? -UUID? -IssueDate -IssueTime? -Note* -PricingCurrencyCode? "
      "-LineCountNumeric? ValidityPeriod?=Period "
      "RequestForQuotationDocumentReference?=DocumentReference "
      "AdditionalDocumentReference*=DocumentReference Contract* Signature*= "
      "SellerSupplierParty=SupplierParty BuyerCustomerParty?=CustomerParty "
      "OriginatorCustomerParty?=CustomerParty Delivery* DeliveryTerms? PaymentMeans? "
      "TransactionConditions?= AllowanceCharge* DestinationCountry?=Country TaxTotal* "
      "QuotedMonetaryTotal=MonetaryTotal QuotationLine+" },
    { "Order", "^UBLExtensions? -UBLVersionID? -CustomizationID? -ProfileID? -ProfileExecutionID? "
               "-ID -SalesOrderID? -CopyIndicator? -UUID? -IssueDate -IssueTime? -OrderTypeCode? "
               "-Note* -RequestedInvoiceCurrencyCode? -DocumentCurrencyCode? -PricingCurrencyCode? "
               "-TaxCurrencyCode? -CustomerReference? -AccountingCostCode? -AccountingCost? "
               "-LineCountNumeric? ValidityPeriod*=Period "
               "QuotationDocumentReference?=DocumentReference "
               "OrderDocumentReference*=DocumentReference "
               "OriginatorDocumentReference?=DocumentReference CatalogueReference?= "
               "AdditionalDocumentReference*=DocumentReference Contract* ProjectReference*= "
               "Signature*= BuyerCustomerParty=CustomerParty SellerSupplierParty=SupplierParty "
               "OriginatorCustomerParty?=CustomerParty FreightForwarderParty?=Party "
               "AccountingCustomerParty?=CustomerParty Delivery* DeliveryTerms* PaymentMeans* "
               "PaymentTerms* TransactionConditions?= AllowanceCharge* TaxExchangeRate?= "
               "PricingExchangeRate?= PaymentExchangeRate?= DestinationCountry?=Country TaxTotal* "
               "AnticipatedMonetaryTotal?=MonetaryTotal OrderLine+" },
    { "OrderResponse",
      "^UBLExtensions? -UBLVersionID? -CustomizationID? -ProfileID? -ProfileExecutionID? "
      "-ID -SalesOrderID? -CopyIndicator? -UUID? -IssueDate -IssueTime? "
      "-OrderResponseCode? -Note* -DocumentCurrencyCode? -PricingCurrencyCode? "
      "-TaxCurrencyCode? -TotalPackagesQuantity? -GrossWeightMeasure? -NetWeightMeasure? "
      "-NetNetWeightMeasure? -GrossVolumeMeasure? -NetVolumeMeasure? -CustomerReference? "
      "-AccountingCostCode? -AccountingCost? -LineCountNumeric? ValidityPeriod*=Period "
      "OrderReference+ OrderDocumentReference*=DocumentReference "
      "OriginatorDocumentReference?=DocumentReference "
      "AdditionalDocumentReference*=DocumentReference Contract* Signature*= "
      "SellerSupplierParty=SupplierParty BuyerCustomerParty=CustomerParty "
      "OriginatorCustomerParty?=CustomerParty FreightForwarderParty?=Party "
      "AccountingSupplierParty?=SupplierParty AccountingCustomerParty?=CustomerParty "
      "Delivery* DeliveryTerms? PaymentMeans* PaymentTerms* AllowanceCharge* "
      "TransactionConditions?= TaxExchangeRate?= PricingExchangeRate?= "
      "PaymentExchangeRate?= DestinationCountry?=Country TaxTotal* "
      "LegalMonetaryTotal?=MonetaryTotal OrderLine*" },
    { "DespatchAdvice",
      "^UBLExtensions? -UBLVersionID? -CustomizationID? -ProfileID? -ProfileExecutionID? "
      "-ID -CopyIndicator? -UUID? -IssueDate -IssueTime? -DocumentStatusCode? "
      "-DespatchAdviceTypeCode? -Note* -LineCountNumeric? OrderReference* "
      "AdditionalDocumentReference*=DocumentReference Signature*= "
      "DespatchSupplierParty=SupplierParty DeliveryCustomerParty=CustomerParty "
      "BuyerCustomerParty?=CustomerParty SellerSupplierParty?=SupplierParty "
      "OriginatorCustomerParty?=CustomerParty Shipment? DespatchLine+" },
    { "Invoice",
      "^UBLExtensions? -UBLVersionID? -CustomizationID? -ProfileID? -ProfileExecutionID? "
      "-ID -CopyIndicator? -UUID? -IssueDate -IssueTime? -DueDate? -InvoiceTypeCode? "
      "-Note* -TaxPointDate? -DocumentCurrencyCode? -TaxCurrencyCode? "
      "-PricingCurrencyCode? -PaymentCurrencyCode? -PaymentAlternativeCurrencyCode? "
      "-AccountingCostCode? -AccountingCost? -LineCountNumeric? -BuyerReference? "
      "InvoicePeriod*=Period OrderReference? BillingReference*= "
      "DespatchDocumentReference*=DocumentReference "
      "ReceiptDocumentReference*=DocumentReference "
      "StatementDocumentReference*=DocumentReference "
      "OriginatorDocumentReference*=DocumentReference "
      "ContractDocumentReference*=DocumentReference "
      "AdditionalDocumentReference*=DocumentReference ProjectReference*= Signature*= "
      "AccountingSupplierParty=SupplierParty AccountingCustomerParty=CustomerParty "
      "PayeeParty?=Party BuyerCustomerParty?=CustomerParty "
      "SellerSupplierParty?=SupplierParty TaxRepresentativeParty?=Party Delivery* "
      "DeliveryTerms? PaymentMeans* PaymentTerms* PrepaidPayment*= AllowanceCharge* "
      "TaxExchangeRate?= PricingExchangeRate?= PaymentExchangeRate?= "
      "PaymentAlternativeExchangeRate?= TaxTotal* WithholdingTaxTotal*=TaxTotal "
      "LegalMonetaryTotal=MonetaryTotal InvoiceLine+" },
    { "CustomerParty",
      "-CustomerAssignedAccountID? -SupplierAssignedAccountID? -AdditionalAccountID* "
      "Party? DeliveryContact?=Contact AccountingContact?=Contact BuyerContact?=Contact" },
    { "SupplierParty",
      "-CustomerAssignedAccountID? -AdditionalAccountID* -DataSendingCapability? Party? "
      "DespatchContact?=Contact AccountingContact?=Contact SellerContact?=Contact" },
    { "Party", "-MarkCareIndicator? -MarkAttentionIndicator? -WebsiteURI? -LogoReferenceID? "
               "-EndpointID? -IndustryClassificationCode? PartyIdentification* PartyName* "
               "Language?= PostalAddress?=Address PhysicalLocation?=Location PartyTaxScheme* "
               "PartyLegalEntity* Contact? Person*= AgentParty?=Party ServiceProviderParty*= "
               "PowerOfAttorney*= FinancialAccount?" },
    { "PartyIdentification", "-ID" },
    { "PartyName", "-Name" },
    { "Address",
      "-ID? -AddressTypeCode? -AddressFormatCode? -Postbox? -Floor? -Room? -StreetName? "
      "-AdditionalStreetName? -BlockName? -BuildingName? -BuildingNumber? -InhouseMail? "
      "-Department? -MarkAttention? -MarkCare? -PlotIdentification? -CitySubdivisionName? "
      "-CityName? -PostalZone? -CountrySubentity? -CountrySubentityCode? -Region? "
      "-District? -TimezoneOffset? AddressLine* Country? LocationCoordinate*=" },
    { "AddressLine", "-Line" },
    { "Country", "-IdentificationCode? -Name?" },
    { "PartyTaxScheme", "-RegistrationName? -CompanyID? -TaxLevelCode? -ExemptionReasonCode? "
                        "-ExemptionReason* RegistrationAddress?=Address TaxScheme" },
    { "TaxScheme", "-ID? -Name? -TaxTypeCode? -CurrencyCode? JurisdictionRegionAddress*=Address" },
    { "PartyLegalEntity",
      "-RegistrationName? -CompanyID? -RegistrationDate? -RegistrationExpirationDate? "
      "-CompanyLegalFormCode? -CompanyLegalForm? -SoleProprietorshipIndicator? "
      "-CompanyLiquidationStatusCode? -CorporateStockAmount? -FullyPaidSharesIndicator? "
      "RegistrationAddress?=Address CorporateRegistrationScheme?= HeadOfficeParty?=Party "
      "ShareholderParty*=" },
    { "Contact", "-ID? -Name? -Telephone? -Telefax? -ElectronicMail? -Note* OtherCommunication*=" },
    { "Period", "-StartDate? -StartTime? -EndDate? -EndTime? -DurationMeasure? -DescriptionCode* "
                "-Description*" },
    { "Delivery",
      "-ID? -Quantity? -MinimumQuantity? -MaximumQuantity? -ActualDeliveryDate? "
      "-ActualDeliveryTime? -LatestDeliveryDate? -LatestDeliveryTime? -ReleaseID? "
      "-TrackingID? DeliveryAddress?=Address DeliveryLocation?=Location "
      "AlternativeDeliveryLocation?=Location RequestedDeliveryPeriod?=Period "
      "PromisedDeliveryPeriod?=Period EstimatedDeliveryPeriod?=Period CarrierParty?=Party "
      "DeliveryParty?=Party NotifyParty*=Party Despatch?= DeliveryTerms* "
      "MinimumDeliveryUnit?= MaximumDeliveryUnit?= Shipment?" },
    { "Location", "-ID? -Description* -Conditions* -CountrySubentity? -CountrySubentityCode? "
                  "-LocationTypeCode? -InformationURI? -Name? ValidityPeriod*=Period Address? "
                  "SubsidiaryLocation*=Location LocationCoordinate*=" },
    { "DeliveryTerms", "-ID? -SpecialTerms* -LossRiskResponsibilityCode? -LossRisk* -Amount? "
                       "DeliveryLocation?=Location AllowanceCharge?" },
    { "DocumentReference",
      "-ID -CopyIndicator? -UUID? -IssueDate? -IssueTime? -DocumentTypeCode? "
      "-DocumentType? -XPath* -LanguageID? -LocaleCode? -VersionID? -DocumentStatusCode? "
      "-DocumentDescription* Attachment? ValidityPeriod?=Period IssuerParty?=Party "
      "ResultOfVerification?=" },
    { "OrderReference", "-ID -SalesOrderID? -CopyIndicator? -UUID? -IssueDate? -IssueTime? "
                        "-CustomerReference? -OrderTypeCode? DocumentReference?" },
    { "LineReference", "-LineID -UUID? -LineStatusCode? DocumentReference?" },
    { "OrderLineReference", "-LineID -SalesOrderLineID? -UUID? -LineStatusCode? OrderReference?" },
    { "OrderLine",
      "-SubstitutionStatusCode? -Note* LineItem SellerProposedSubstituteLineItem*=LineItem "
      "SellerSubstitutedLineItem*=LineItem BuyerProposedSubstituteLineItem*=LineItem "
      "CatalogueLineReference?=LineReference QuotationLineReference?=LineReference "
      "OrderLineReference* DocumentReference*" },
    { "LineItem",
      "-ID -SalesOrderID? -UUID? -Note* -LineStatusCode? -Quantity? -LineExtensionAmount? "
      "-TotalTaxAmount? -MinimumQuantity? -MaximumQuantity? -MinimumBackorderQuantity? "
      "-MaximumBackorderQuantity? -InspectionMethodCode? -PartialDeliveryIndicator? "
      "-BackOrderAllowedIndicator? -AccountingCostCode? -AccountingCost? "
      "-WarrantyInformation* Delivery* DeliveryTerms? OriginatorParty?=Party "
      "OrderedShipment*= PricingReference?= AllowanceCharge* Price? Item "
      "SubLineItem*=LineItem WarrantyValidityPeriod?=Period WarrantyParty?=Party TaxTotal* "
      "ItemPriceExtension?=PriceExtension LineReference*" },
    { "RequestForQuotationLine", "-ID? -UUID? -Note* -OptionalLineItemIndicator? -PrivacyCode? "
                                 "-SecurityClassificationCode? DocumentReference* LineItem" },
    { "QuotationLine", "-ID? -Note* -Quantity? -LineExtensionAmount? -TotalTaxAmount? "
                       "-RequestForQuotationLineID? DocumentReference* LineItem "
                       "SellerProposedSubstituteLineItem*=LineItem AlternativeLineItem*=LineItem "
                       "RequestLineReference?=LineReference" },
    { "DespatchLine",
      "-ID -UUID? -Note* -LineStatusCode? -DeliveredQuantity? -BackorderQuantity? "
      "-BackorderReason* -OutstandingQuantity? -OutstandingReason* -OversupplyQuantity? "
      "OrderLineReference+ DocumentReference* Item Shipment*" },
    { "InvoiceLine",
      "-ID -UUID? -Note* -InvoicedQuantity? -LineExtensionAmount -TaxPointDate? "
      "-AccountingCostCode? -AccountingCost? -PaymentPurposeCode? -FreeOfChargeIndicator? "
      "InvoicePeriod*=Period OrderLineReference* DespatchLineReference*=LineReference "
      "ReceiptLineReference*=LineReference BillingReference*= DocumentReference* "
      "PricingReference?= OriginatorParty?=Party Delivery* PaymentTerms* AllowanceCharge* "
      "TaxTotal* WithholdingTaxTotal*=TaxTotal Item Price? DeliveryTerms? "
      "SubInvoiceLine*=InvoiceLine ItemPriceExtension?=PriceExtension" },
    { "Item", "-Description* -PackQuantity? -PackSizeNumeric? -CatalogueIndicator? -Name? "
              "-HazardousRiskIndicator? -AdditionalInformation* -Keyword* -BrandName* -ModelName* "
              "BuyersItemIdentification?=ItemIdentification "
              "SellersItemIdentification?=ItemIdentification "
              "ManufacturersItemIdentification*=ItemIdentification "
              "StandardItemIdentification?=ItemIdentification "
              "CatalogueItemIdentification?=ItemIdentification "
              "AdditionalItemIdentification*=ItemIdentification "
              "CatalogueDocumentReference?=DocumentReference "
              "ItemSpecificationDocumentReference*=DocumentReference OriginCountry?=Country "
              "CommodityClassification* TransactionConditions*= HazardousItem*= "
              "ClassifiedTaxCategory*=TaxCategory AdditionalItemProperty*=ItemProperty "
              "ManufacturerParty*=Party InformationContentProviderParty?=Party "
              "OriginAddress*=Address ItemInstance*= Certificate*= Dimension*=" },
    { "ItemIdentification",
      "-ID -ExtendedID? -BarcodeSymbologyID? PhysicalAttribute*= MeasurementDimension*= "
      "IssuerParty?=Party" },
    { "ItemProperty", "-ID? -Name -NameCode? -TestMethod? -Value? -ValueQuantity? -ValueQualifier* "
                      "-ImportanceCode? -ListValue* UsabilityPeriod?=Period ItemPropertyGroup*= "
                      "RangeDimension?= ItemPropertyRange?=" },
    { "CommodityClassification",
      "-NatureCode? -CargoTypeCode? -CommodityCode? -ItemClassificationCode?" },
    { "TaxCategory",
      "-ID? -Name? -Percent? -BaseUnitMeasure? -PerUnitAmount? -TaxExemptionReasonCode? "
      "-TaxExemptionReason* -TierRange? -TierRatePercent? TaxScheme" },
    { "TaxTotal", "-TaxAmount -RoundingAmount? -TaxEvidenceIndicator? -TaxIncludedIndicator? "
                  "TaxSubtotal*" },
    { "TaxSubtotal", "-TaxableAmount? -TaxAmount -CalculationSequenceNumeric? "
                     "-TransactionCurrencyTaxAmount? -Percent? -BaseUnitMeasure? -PerUnitAmount? "
                     "-TierRange? -TierRatePercent? TaxCategory" },
    { "MonetaryTotal",
      "-LineExtensionAmount? -TaxExclusiveAmount? -TaxInclusiveAmount? "
      "-AllowanceTotalAmount? -ChargeTotalAmount? -PrepaidAmount? -PayableRoundingAmount? "
      "-PayableAmount -PayableAlternativeAmount?" },
    { "Price", "-PriceAmount -BaseQuantity? -PriceChangeReason* -PriceTypeCode? -PriceType? "
               "-OrderableUnitFactorRate? ValidityPeriod*=Period PriceList?= AllowanceCharge* "
               "PricingExchangeRate?=" },
    { "PriceExtension", "-Amount TaxTotal*" },
    { "AllowanceCharge",
      "-ID? -ChargeIndicator -AllowanceChargeReasonCode? -AllowanceChargeReason* "
      "-MultiplierFactorNumeric? -PrepaidIndicator? -SequenceNumeric? -Amount -BaseAmount? "
      "-AccountingCostCode? -AccountingCost? -PerUnitAmount? TaxCategory* TaxTotal? "
      "PaymentMeans*" },
    { "PaymentTerms",
      "-ID? -PaymentMeansID* -PrepaidPaymentReferenceID? -Note* -ReferenceEventCode? "
      "-SettlementDiscountPercent? -PenaltySurchargePercent? -PaymentPercent? -Amount? "
      "-SettlementDiscountAmount? -PenaltyAmount? -PaymentTermsDetailsURI? "
      "-PaymentDueDate? -InstallmentDueDate? -InvoicingPartyReference? "
      "SettlementPeriod?=Period PenaltyPeriod?=Period ExchangeRate?= "
      "ValidityPeriod?=Period" },
    { "PaymentMeans",
      "-ID? -PaymentMeansCode -PaymentDueDate? -PaymentChannelCode? -InstructionID? "
      "-InstructionNote* -PaymentID* CardAccount?= PayerFinancialAccount?=FinancialAccount "
      "PayeeFinancialAccount?=FinancialAccount CreditAccount?= PaymentMandate?= "
      "TradeFinancing?=" },
    { "FinancialAccount",
      "-ID? -Name? -AliasName? -AccountTypeCode? -AccountFormatCode? -CurrencyCode? "
      "-PaymentNote* FinancialInstitutionBranch?= Country?" },
    { "Attachment", "-EmbeddedDocumentBinaryObject? ExternalReference?" },
    { "ExternalReference",
      "-URI? -DocumentHash? -HashAlgorithmMethod? -ExpiryDate? -ExpiryTime? -MimeCode? "
      "-FormatCode? -EncodingCode? -CharacterSetCode? -FileName? -Description*" },
    { "Shipment",
      "-ID -ShippingPriorityLevelCode? -HandlingCode? -HandlingInstructions* -Information* "
      "-GrossWeightMeasure? -NetWeightMeasure? -NetNetWeightMeasure? -GrossVolumeMeasure? "
      "-NetVolumeMeasure? -TotalGoodsItemQuantity? -TotalTransportHandlingUnitQuantity? "
      "-InsuranceValueAmount? -DeclaredCustomsValueAmount? "
      "-DeclaredForCarriageValueAmount? -DeclaredStatisticsValueAmount? "
      "-FreeOnBoardValueAmount? -SpecialInstructions* -DeliveryInstructions* "
      "-SplitConsignmentIndicator? -ConsignmentQuantity? Consignment* GoodsItem*= "
      "ShipmentStage*= Delivery? TransportHandlingUnit*= ReturnAddress?=Address "
      "OriginAddress?=Address FirstArrivalPortLocation?=Location "
      "LastExitPortLocation?=Location ExportCountry?=Country "
      "FreightAllowanceCharge*=AllowanceCharge" },
    { "Contract",
      "-ID? -IssueDate? -IssueTime? -NominationDate? -NominationTime? -ContractTypeCode? "
      "-ContractType? -Note* -VersionID? -Description* ValidityPeriod?=Period "
      "ContractDocumentReference*=DocumentReference NominationPeriod?=Period "
      "ContractualDelivery?=Delivery" },
    { "Consignment",
      "-ID -CarrierAssignedID? -ConsigneeAssignedID? -ConsignorAssignedID? "
      "-FreightForwarderAssignedID? -BrokerAssignedID? -ContractedCarrierAssignedID? "
      "-PerformingCarrierAssignedID? -SummaryDescription* -TotalInvoiceAmount? "
      "-DeclaredCustomsValueAmount? -TariffDescription* -TariffCode? "
      "-InsurancePremiumAmount? -GrossWeightMeasure? -NetWeightMeasure? "
      "-NetNetWeightMeasure? -ChargeableWeightMeasure? -GrossVolumeMeasure? "
      "-NetVolumeMeasure? -LoadingLengthMeasure? -Remarks* -HazardousRiskIndicator? "
      "-AnimalFoodIndicator? -HumanFoodIndicator? -LivestockIndicator? "
      "-BulkCargoIndicator? -ContainerizedIndicator? -GeneralCargoIndicator? "
      "-SpecialSecurityIndicator? -ThirdPartyPayerIndicator? -CarrierServiceInstructions* "
      "-CustomsClearanceServiceInstructions* -ForwarderServiceInstructions* "
      "-SpecialServiceInstructions* -SequenceID? -ShippingPriorityLevelCode? "
      "-HandlingCode? -HandlingInstructions* -Information* -TotalGoodsItemQuantity? "
      "-TotalTransportHandlingUnitQuantity? -InsuranceValueAmount? "
      "-DeclaredForCarriageValueAmount? -DeclaredStatisticsValueAmount? "
      "-FreeOnBoardValueAmount? -SpecialInstructions* -SplitConsignmentIndicator? "
      "-DeliveryInstructions* -ConsignmentQuantity? -ConsolidatableIndicator? "
      "-HaulageInstructions* -LoadingSequenceID? -ChildConsignmentQuantity? "
      "-TotalPackagesQuantity? ConsolidatedShipment*=Shipment CustomsDeclaration*= "
      "RequestedPickupTransportEvent?= RequestedDeliveryTransportEvent?= "
      "PlannedPickupTransportEvent?= PlannedDeliveryTransportEvent?= Status*= "
      "ChildConsignment*=Consignment ConsigneeParty?=Party ExporterParty?=Party "
      "ConsignorParty?=Party ImporterParty?=Party CarrierParty?=Party "
      "FreightForwarderParty?=Party NotifyParty?=Party OriginalDespatchParty?=Party "
      "FinalDeliveryParty?=Party PerformingCarrierParty?=Party "
      "SubstituteCarrierParty?=Party LogisticsOperatorParty?=Party "
      "TransportAdvisorParty?=Party HazardousItemNotificationParty?=Party "
      "InsuranceParty?=Party MortgageHolderParty?=Party BillOfLadingHolderParty?=Party "
      "OriginalDepartureCountry?=Country FinalDestinationCountry?=Country "
      "TransitCountry*=Country TransportContract?=Contract TransportEvent*= "
      "OriginalDespatchTransportationService?= FinalDeliveryTransportationService?= "
      "DeliveryTerms? PaymentTerms? CollectPaymentTerms?=PaymentTerms "
      "DisbursementPaymentTerms?=PaymentTerms PrepaidPaymentTerms?=PaymentTerms "
      "FreightAllowanceCharge*=AllowanceCharge ExtraAllowanceCharge*=AllowanceCharge "
      "MainCarriageShipmentStage*= PreCarriageShipmentStage*= OnCarriageShipmentStage*= "
      "TransportHandlingUnit*= FirstArrivalPortLocation?=Location "
      "LastExitPortLocation?=Location" },
    { NULL, NULL },
};

const struct ubl_type *ubl_type_named(const char *name, size_t len)
{
    for (const struct ubl_type *t = ubl_types; t->name; t++)
        if (strncmp(t->name, name, len) == 0 && !t->name[len])
            return t;
    return NULL;
}
